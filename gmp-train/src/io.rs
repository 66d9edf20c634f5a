//! Opening and reading files that others made: only regular files, and only as much memory as there are bytes.

use std::fs::{self, File, FileType};
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// Opens a regular file, or says at once what else is there: opening a named pipe would wait for a writer, and a
/// device may never end.
pub(crate) fn open(path: &Path) -> Result<File> {
    check(fs::metadata(path)?.file_type())?;
    let file = File::open(path)?;
    // Something else may have taken the place of what was looked at.
    check(file.metadata()?.file_type())?;
    Ok(file)
}

fn check(found: FileType) -> Result<()> {
    if found.is_file() {
        return Ok(());
    }
    let kind = if found.is_dir() { ErrorKind::IsADirectory } else { ErrorKind::InvalidInput };
    Err(Error::new(kind, format!("{}, expected a regular file", name(found))))
}

fn name(found: FileType) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if found.is_fifo() {
            return "a named pipe";
        }
        if found.is_socket() {
            return "a socket";
        }
        if found.is_block_device() || found.is_char_device() {
            return "a device";
        }
    }
    if found.is_dir() { "a folder" } else { "a special file" }
}

/// Appends the next `length` bytes of `reader`.
///
/// The memory is asked for at once, where a refusal is an error and no abort, but it is touched only as bytes come: a
/// length that is not true costs address space and nothing else.
///
/// # Errors
/// If the memory is refused, reading fails, or the end comes sooner.
pub(crate) fn append(bytes: &mut Vec<u8>, reader: impl Read, length: usize) -> Result<()> {
    bytes.try_reserve_exact(length)?;
    match reader.take(length as u64).read_to_end(bytes)? {
        read if read == length => Ok(()),
        read => {
            let problem = format!("it ends after {read} bytes, expected {length}");
            Err(Error::new(ErrorKind::UnexpectedEof, problem))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_are_not_true_are_errors() {
        let mut bytes = vec![1];
        append(&mut bytes, &[2, 3, 4][..], 2).unwrap();
        assert_eq!(bytes, [1, 2, 3]);
        let error = append(&mut bytes, &[4][..], 2).unwrap_err();
        assert_eq!(error.to_string(), "it ends after 1 bytes, expected 2");
        let error = append(&mut bytes, &[][..], isize::MAX as usize).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfMemory);
    }

    /// Sockets, pipes and devices would hang or never end, so this test would too.
    #[cfg(unix)]
    #[test]
    fn only_regular_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let problem = |path: &Path| open(path).unwrap_err().to_string();
        assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        assert_eq!(problem(&at("pipe")), "a named pipe, expected a regular file");
        std::os::unix::fs::symlink(at("pipe"), at("link")).unwrap();
        assert_eq!(problem(&at("link")), "a named pipe, expected a regular file");
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        assert_eq!(problem(&at("socket")), "a socket, expected a regular file");
        assert_eq!(problem(Path::new("/dev/zero")), "a device, expected a regular file");
        assert_eq!(problem(folder.path()), "a folder, expected a regular file");
        assert_eq!(open(&at("nothing")).unwrap_err().kind(), ErrorKind::NotFound);
        fs::write(at("file"), "here").unwrap();
        let mut bytes = Vec::new();
        append(&mut bytes, open(&at("file")).unwrap(), 4).unwrap();
        assert_eq!(bytes, b"here");
    }
}
