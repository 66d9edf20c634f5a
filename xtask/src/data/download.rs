//! One file over HTTP into memory: bounded in time and size, whole or an error.

use std::{io::Read, time::Duration};

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use ureq::{Agent, Timeout};

use super::error::DataError;

/// Bounds of a download.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest wait for a connection.
    pub connect: Duration,
    /// Longest wait for the next bytes.
    pub read: Duration,
    /// Longest time for the whole file.
    pub total: Duration,
    /// Most bytes accepted.
    pub bytes: u64,
}

impl Default for Limits {
    /// 15 s to connect, 30 s without a byte, 10 minutes in all, 64 MiB (the largest original has 4 MiB).
    fn default() -> Limits {
        Limits {
            connect: Duration::from_secs(15),
            read: Duration::from_secs(30),
            total: Duration::from_secs(600),
            bytes: 64 << 20,
        }
    }
}

/// An HTTP client that keeps to [`Limits`]; redirects are followed, a proxy is taken from the environment.
pub struct Client {
    agent: Agent,
    limits: Limits,
}

impl Client {
    /// A client with these bounds.
    pub fn new(limits: Limits) -> Client {
        let config = Agent::config_builder()
            .timeout_connect(Some(limits.connect))
            .timeout_per_read(Some(limits.read))
            .timeout_global(Some(limits.total))
            .http_status_as_error(false)
            .user_agent(concat!("gmp-xtask/", env!("CARGO_PKG_VERSION")));
        Client { agent: config.build().into(), limits }
    }

    /// The body at `url`; a progress bar named `name` is shown on standard error if that is a terminal.
    ///
    /// # Errors
    ///
    /// No connection, a time-out, an answer other than 200, fewer bytes than announced, or more than allowed.
    pub fn get(&self, name: &str, url: &str) -> Result<Vec<u8>, DataError> {
        let failed = |cause: ureq::Error, received: u64| self.explain(url, cause, received, "?");
        let response = self.agent.get(url).call().map_err(|cause| failed(cause, 0))?;
        if response.status().as_u16() != 200 {
            return Err(DataError::Status { url: url.to_string(), status: response.status().to_string() });
        }
        let too_large = || DataError::TooLarge { file: url.to_string(), limit: self.limits.bytes };
        let announced = response.body().content_length();
        if announced.is_some_and(|length| length > self.limits.bytes) {
            return Err(too_large());
        }
        let bar = progress_bar(name, announced);
        let mut reader = response.into_body().into_with_config().limit(self.limits.bytes + 1).reader();
        let (mut bytes, mut chunk) = (Vec::new(), vec![0; 1 << 16]);
        loop {
            let count = reader.read(&mut chunk).map_err(|cause| {
                let expected = announced.map_or("?".to_string(), |length| length.to_string());
                self.explain(url, cause.into(), bytes.len() as u64, &expected)
            })?;
            if count == 0 {
                break;
            }
            bytes.extend_from_slice(&chunk[..count]);
            bar.set_position(bytes.len() as u64);
            if bytes.len() as u64 > self.limits.bytes {
                return Err(too_large());
            }
        }
        match announced {
            Some(length) if length != bytes.len() as u64 => Err(DataError::CutOff {
                url: url.to_string(),
                received: bytes.len() as u64,
                expected: length.to_string(),
            }),
            _ => Ok(bytes),
        }
    }

    fn explain(&self, url: &str, cause: ureq::Error, received: u64, expected: &str) -> DataError {
        let url = url.to_string();
        let waited = |doing: &str, limit: Duration| format!("{doing} for {} s", limit.as_secs_f64());
        match cause {
            ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
                DataError::TimedOut { url, phase: waited("connecting", self.limits.connect), received }
            }
            ureq::Error::Timeout(Timeout::PerRead) => {
                DataError::TimedOut { url, phase: waited("waiting for data", self.limits.read), received }
            }
            ureq::Error::Timeout(_) => {
                DataError::TimedOut { url, phase: waited("downloading", self.limits.total), received }
            }
            ureq::Error::Io(cause) if received > 0 || cause.kind() == std::io::ErrorKind::UnexpectedEof => {
                DataError::CutOff { url, received, expected: expected.to_string() }
            }
            ureq::Error::Io(cause) => DataError::Connection { url, cause: cause.to_string() },
            cause => DataError::Connection { url, cause: cause.to_string() },
        }
    }
}

fn progress_bar(name: &str, length: Option<u64>) -> ProgressBar {
    let bar = length.map_or_else(ProgressBar::no_length, ProgressBar::new);
    let template = "{prefix:10} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    // Whatever happens, no half-drawn bar is left above the next line.
    bar.with_prefix(name.to_string()).with_finish(ProgressFinish::AndClear)
}
