//! Reading files that come from outside: only regular files, and only up to a size that the caller accepts.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

/// Opens a regular file, or a link to one, for reading.
///
/// Opening a named pipe could block for ever, and a device has no end: both are refused before they are opened.
///
/// # Errors
/// What the operating system refuses, [`ErrorKind::IsADirectory`], and [`ErrorKind::InvalidInput`] for a named pipe, a
/// socket or a device, saying which.
///
/// # Examples
/// ```
/// let refused = gmp_train::io::open_regular(std::env::temp_dir()).unwrap_err();
/// assert_eq!(refused.to_string(), "a directory, expected a regular file");
/// ```
pub fn open_regular(path: impl AsRef<Path>) -> io::Result<File> {
    let path = path.as_ref();
    check(&fs::metadata(path)?)?;
    let file = File::open(path)?;
    // The path may name something else by now.
    check(&file.metadata()?)?;
    Ok(file)
}

/// Appends the next `length` bytes of `reader`.
///
/// The memory is requested at once, so that a refusal is an error and not an abort, but it is touched only as bytes
/// arrive: a false length costs only address space.
///
/// # Errors
/// If the memory is refused, reading fails, or the end comes sooner.
pub(crate) fn append(bytes: &mut Vec<u8>, reader: impl io::Read, length: usize) -> io::Result<()> {
    bytes.try_reserve_exact(length)?;
    match reader.take(length as u64).read_to_end(bytes)? {
        read if read == length => Ok(()),
        read => {
            let problem = format!("it ends after {read} bytes, expected {length}");
            Err(io::Error::new(ErrorKind::UnexpectedEof, problem))
        }
    }
}

/// The whole content of a regular file of at most `limit` bytes. A larger file is refused before it is read.
///
/// ```
/// let folder = tempfile::tempdir()?;
/// let file = folder.path().join("settings.json");
/// std::fs::write(&file, "{\"epochs\":10}")?;
/// assert_eq!(gmp_train::io::read_regular(&file, 1 << 20)?, b"{\"epochs\":10}");
/// let refused = gmp_train::io::read_regular(&file, 5).unwrap_err();
/// assert_eq!(refused.to_string(), "larger than 5 bytes");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// As [`open_regular`]; [`ErrorKind::FileTooLarge`] beyond the limit; [`ErrorKind::OutOfMemory`] if there is not
/// enough memory for the file.
pub fn read_regular(path: impl AsRef<Path>, limit: u64) -> io::Result<Vec<u8>> {
    let file = open_regular(path)?;
    let too_large = || io::Error::new(ErrorKind::FileTooLarge, format!("larger than {limit} bytes"));
    let length = file.metadata()?.len();
    if length > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length as usize).map_err(|_| ErrorKind::OutOfMemory)?;
    // The file may grow while it is read.
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(bytes) }
}

fn check(found: &Metadata) -> io::Result<()> {
    if found.is_file() {
        return Ok(());
    }
    let kind = if found.is_dir() { ErrorKind::IsADirectory } else { ErrorKind::InvalidInput };
    Err(io::Error::new(kind, format!("{}, expected a regular file", name_of(found))))
}

fn name_of(found: &Metadata) -> &'static str {
    if found.is_dir() {
        return "a directory";
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        let kind = found.file_type();
        if kind.is_fifo() {
            return "a named pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_char_device() || kind.is_block_device() {
            return "a device";
        }
    }
    "something else"
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

    #[test]
    fn files_are_read_up_to_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, b"12345").unwrap();
        assert_eq!(read_regular(&path, 5).unwrap(), b"12345");
        assert_eq!(read_regular(&path, 4).unwrap_err().kind(), ErrorKind::FileTooLarge);
        assert_eq!(read_regular(folder.path().join("none"), 4).unwrap_err().kind(), ErrorKind::NotFound);
        // A length of petabytes that is claimed and not there.
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(read_regular(&path, 1 << 30).unwrap_err().kind(), ErrorKind::FileTooLarge);
    }

    /// None of them is waited for.
    #[cfg(unix)]
    #[test]
    fn pipes_sockets_and_devices_are_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert!(std::process::Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        std::os::unix::fs::symlink(at("pipe"), at("link")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        for (path, expected) in [
            (at("pipe"), "a named pipe"),
            (at("link"), "a named pipe"),
            (at("socket"), "a socket"),
            ("/dev/zero".into(), "a device"),
        ] {
            let error = read_regular(&path, 9).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert_eq!(
                error.to_string(),
                format!("{expected}, expected a regular file"),
                "{}",
                path.display()
            );
        }
    }
}
