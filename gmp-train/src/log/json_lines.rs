//! JSON Lines: an object an epoch.

use super::{Line, LogError, Sink};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

pub(super) struct JsonLines {
    file: PathBuf,
    /// Open once a record came, until a write fails.
    out: Option<File>,
}

impl JsonLines {
    pub(super) fn new(file: PathBuf) -> Self {
        Self { file, out: None }
    }

    /// Opens the file behind the epochs before `epoch` and cuts off what follows.
    fn open(&self, epoch: usize) -> Result<File, LogError> {
        let failed = |action| LogError::of(&self.file, action);
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder).map_err(failed("create its folder"))?;
        }
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&self.file).map_err(failed("open"))?;
        let length = file.metadata().map_err(failed("read"))?.len();
        let mut bytes = Vec::new();
        // No more than that: a device may never end.
        (&file).take(length).read_to_end(&mut bytes).map_err(failed("read"))?;
        let past = past(&bytes, epoch).map_err(failed("continue"))?;
        file.set_len(past).map_err(failed("cut off"))?;
        file.seek(SeekFrom::Start(past)).map_err(failed("cut off"))?;
        Ok(file)
    }
}

impl Sink for JsonLines {
    fn write(&mut self, line: &Line) -> Result<(), LogError> {
        let mut out = match self.out.take() {
            Some(out) => out,
            None => self.open(line.epoch)?,
        };
        let mut object: Map<String, Value> =
            line.numbers.iter().map(|(name, number)| (name.clone(), (*number).into())).collect();
        object.insert("epoch".to_owned(), line.epoch.into());
        object.insert("step".to_owned(), line.step.into());
        object.insert("seconds".to_owned(), line.seconds.into());
        let line = Value::Object(object).to_string() + "\n";
        out.write_all(line.as_bytes()).map_err(LogError::of(&self.file, "write"))?;
        self.out = Some(out);
        Ok(())
    }
}

/// How every line begins: keys are in alphabetical order.
const BEGIN: &[u8] = b"{\"epoch\":";

/// The length of the lines of the epochs before `epoch`, if every line is that of a log. The last one may have been
/// cut off.
fn past(bytes: &[u8], epoch: usize) -> io::Result<u64> {
    #[derive(Deserialize)]
    struct Line {
        epoch: usize,
    }
    let (mut past, mut is_past) = (0, true);
    for (i, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let is_cut_off = !line.ends_with(b"\n");
        let begin = line.len().min(BEGIN.len());
        let of = match serde_json::from_slice::<Line>(line) {
            _ if line[..begin] != BEGIN[..begin] => Err("it begins otherwise".to_owned()),
            _ if is_cut_off => Ok(usize::MAX),
            Ok(line) => Ok(line.epoch),
            Err(error) => Err(error.to_string()),
        };
        let of = of.map_err(|problem| {
            let problem = format!("line {} is not an epoch of a log: {problem}", i + 1);
            io::Error::new(io::ErrorKind::InvalidData, problem)
        })?;
        is_past &= of < epoch;
        past += if is_past { line.len() as u64 } else { 0 };
    }
    Ok(past)
}
