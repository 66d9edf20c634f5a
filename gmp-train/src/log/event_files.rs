//! TensorBoard's event files: TFRecords, each an `Event` as protocol buffers encode it.
//!
//! Source: tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto, and "TFRecord and
//! tf.train.Example" of the TensorFlow guide.

use super::{Line, LogError, Sink};
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

pub(super) struct EventFiles {
    folder: PathBuf,
    /// The file of this run, until a write fails, and its path.
    out: Option<(File, PathBuf)>,
}

impl EventFiles {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, out: None }
    }

    /// Names sort by time, which is the order in which TensorBoard reads them.
    fn create(&self, now: Duration) -> Result<(File, PathBuf), LogError> {
        fs::create_dir_all(&self.folder).map_err(LogError::of(&self.folder, "create the folder"))?;
        let name = format!("events.out.tfevents.{:010}.{:09}", now.as_secs(), now.subsec_nanos());
        let path = self.folder.join(name);
        let file = File::create_new(&path).map_err(LogError::of(&path, "create"))?;
        Ok((file, path))
    }
}

impl Sink for EventFiles {
    fn write(&mut self, line: &Line, _: &dyn Fn(usize) -> Line) -> Result<(), LogError> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut bytes = Vec::new();
        let (mut file, path) = match self.out.take() {
            Some(out) => out,
            None => {
                // With a start, TensorBoard forgets what earlier files say of this step and later ones.
                let mut start = Vec::new();
                integer(&mut start, SessionLog::STATUS, SessionLog::START);
                append(&mut bytes, &event(now, 0, Event::FILE_VERSION, b"brain.Event:2"));
                append(&mut bytes, &event(now, line.step, Event::SESSION_LOG, &start));
                self.create(now)?
            }
        };
        let mut summary = Vec::new();
        for (name, number) in &line.numbers {
            let mut value = Vec::new();
            nested(&mut value, Value::TAG, name.as_bytes());
            key(&mut value, Value::SIMPLE_VALUE, 5);
            value.extend((*number as f32).to_le_bytes());
            nested(&mut summary, Summary::VALUE, &value);
        }
        append(&mut bytes, &event(now, line.step, Event::SUMMARY, &summary));
        file.write_all(&bytes).map_err(LogError::of(&path, "write"))?;
        self.out = Some((file, path));
        Ok(())
    }
}

/// A record: its length and itself, each with a checksum.
fn append(file: &mut Vec<u8>, record: &[u8]) {
    const CRC32C: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_32_ISCSI);
    let mut checked = |bytes: &[u8]| {
        file.extend(bytes);
        file.extend(CRC32C.checksum(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes());
    };
    checked(&(record.len() as u64).to_le_bytes());
    checked(record);
}

struct Event;
impl Event {
    const WALL_TIME: u64 = 1;
    const STEP: u64 = 2;
    const FILE_VERSION: u64 = 3;
    const SUMMARY: u64 = 5;
    const SESSION_LOG: u64 = 7;
}
struct SessionLog;
impl SessionLog {
    const STATUS: u64 = 1;
    const START: u64 = 1;
}
struct Summary;
impl Summary {
    const VALUE: u64 = 1;
}
struct Value;
impl Value {
    const TAG: u64 = 1;
    const SIMPLE_VALUE: u64 = 2;
}

fn event(wall_time: Duration, step: usize, field: u64, content: &[u8]) -> Vec<u8> {
    let mut event = Vec::new();
    key(&mut event, Event::WALL_TIME, 1);
    event.extend(wall_time.as_secs_f64().to_le_bytes());
    integer(&mut event, Event::STEP, step as u64);
    nested(&mut event, field, content);
    event
}

/// A field's number, and how its value is encoded: 0 a varint, 1 eight bytes, 2 a length and that many bytes, 5 four bytes.
fn key(message: &mut Vec<u8>, field: u64, encoding: u64) {
    varint(message, field << 3 | encoding);
}

fn integer(message: &mut Vec<u8>, field: u64, value: u64) {
    key(message, field, 0);
    varint(message, value);
}

fn nested(message: &mut Vec<u8>, field: u64, content: &[u8]) {
    key(message, field, 2);
    varint(message, content.len() as u64);
    message.extend(content);
}

/// Seven bits a byte, the lowest first; the eighth says that there are more.
fn varint(message: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        message.push(value as u8 | 0x80);
        value >>= 7;
    }
    message.push(value as u8);
}
