//! JSON Lines: one object per epoch.

use super::{Line, LogError, Sink};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

pub(super) struct JsonLines {
    file: PathBuf,
    /// Open once a record came, until a write fails.
    out: Option<File>,
}

/// Most bytes of a log that is continued: millions of epochs. A file that claims more would be read into memory.
const MOST: u64 = 1 << 30;

impl JsonLines {
    pub(super) fn new(file: PathBuf) -> Self {
        Self { file, out: None }
    }

    /// Opens the file behind the epochs before `epoch` and cuts off what follows. Those that it lacks come from `past`:
    /// a process may be killed, or a disk be full, after the epoch and before its line.
    fn open(&self, epoch: usize, past: &dyn Fn(usize) -> Line) -> Result<File, LogError> {
        let failed = |action| LogError::of(&self.file, action);
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder).map_err(failed("create its folder"))?;
        }
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&self.file).map_err(failed("open"))?;
        let found = file.metadata().map_err(failed("read"))?;
        let length = found.len();
        if !found.is_file() || length > MOST {
            let problem = format!("expected a regular file of at most {MOST} bytes");
            return Err(failed("continue")(io::Error::new(io::ErrorKind::InvalidData, problem)));
        }
        let mut bytes = Vec::new();
        // No more than that: it may grow while it is read.
        (&file).take(length).read_to_end(&mut bytes).map_err(failed("read"))?;
        let mut lines = lines_before(&bytes, epoch).map_err(failed("continue"))?;
        let in_order = lines.iter().enumerate().take_while(|&(i, &(epoch, _))| i == epoch).count();
        let (behind, mut rest) = (BTreeMap::from_iter(lines.split_off(in_order)), Vec::new());
        let kept = lines.iter().map(|(_, line)| line.len()).sum::<usize>() as u64;
        file.set_len(kept).map_err(failed("cut off"))?;
        file.seek(SeekFrom::Start(kept)).map_err(failed("cut off"))?;
        for epoch in in_order..epoch {
            match behind.get(&epoch) {
                Some(line) => rest.extend_from_slice(line),
                None => rest.extend(line(&past(epoch)).into_bytes()),
            }
        }
        file.write_all(&rest).map_err(failed("write"))?;
        Ok(file)
    }
}

impl Sink for JsonLines {
    fn write(&mut self, written: &Line, past: &dyn Fn(usize) -> Line) -> Result<(), LogError> {
        let mut out = match self.out.take() {
            Some(out) => out,
            None => self.open(written.epoch, past)?,
        };
        out.write_all(line(written).as_bytes()).map_err(LogError::of(&self.file, "write"))?;
        self.out = Some(out);
        Ok(())
    }

    fn complete(&mut self, epochs: usize, past: &dyn Fn(usize) -> Line) -> Result<(), LogError> {
        self.open(epochs, past).map(drop)
    }
}

fn line(record: &Line) -> String {
    let mut object: Map<String, Value> =
        record.numbers.iter().map(|(name, number)| (name.clone(), (*number).into())).collect();
    object.insert("epoch".to_owned(), record.epoch.into());
    object.insert("step".to_owned(), record.step.into());
    object.insert("seconds".to_owned(), record.seconds.into());
    Value::Object(object).to_string() + "\n"
}

/// How every line begins: keys are in alphabetical order.
const BEGIN: &[u8] = b"{\"epoch\":";

/// The lines of the epochs before `epoch`, if every line is that of a log. The last one may have been cut off.
fn lines_before(bytes: &[u8], epoch: usize) -> io::Result<Vec<(usize, &[u8])>> {
    #[derive(Deserialize)]
    struct Line {
        epoch: usize,
    }
    let mut lines = Vec::new();
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
        if of < epoch {
            lines.push((of, line));
        }
    }
    Ok(lines)
}
