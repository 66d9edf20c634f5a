//! One file over HTTP into memory: bounded in time and size, whole or an error, tried again where that may help.

use std::{
    io::{ErrorKind, Read},
    thread,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use ureq::{Agent, Timeout, config::Config};

use super::address::{is_encrypted, without_password};
use super::error::DataError;
use crate::terminal::complain;

/// Bounds of a download.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Longest wait for a connection.
    pub connect: Duration,
    /// Longest wait for the next bytes.
    pub read: Duration,
    /// Longest time for the whole file, all attempts and pauses included.
    pub total: Duration,
    /// Most bytes accepted.
    pub bytes: u64,
    /// Attempts at most, the first one counted.
    pub attempts: u32,
    /// Pause before the second attempt; twice as long before each one after it.
    pub pause: Duration,
}

impl Default for Limits {
    /// 15 s to connect, 30 s without a byte, 10 minutes in all, 64 MiB (the largest original has 4 MiB), three attempts
    /// after pauses of 1 s and 2 s.
    fn default() -> Limits {
        Limits {
            connect: Duration::from_secs(15),
            read: Duration::from_secs(30),
            total: Duration::from_secs(600),
            bytes: 64 << 20,
            attempts: 3,
            pause: Duration::from_secs(1),
        }
    }
}

/// An HTTP client that keeps to [`Limits`]; redirects are followed, but never from https:// to http://, and a proxy is
/// taken from the environment.
pub struct Client {
    agent: Agent,
    limits: Limits,
}

/// Why an attempt failed, and whether another one may not.
struct Failure {
    error: DataError,
    is_passing: bool,
}

impl Client {
    /// A client with these bounds.
    pub fn new(limits: Limits) -> Client {
        Client { agent: Client::config(limits).into(), limits }
    }

    fn config(limits: Limits) -> Config {
        Agent::config_builder()
            .timeout_connect(Some(limits.connect))
            .timeout_per_read(Some(limits.read))
            .http_status_as_error(false)
            .user_agent(concat!("gmp-xtask/", env!("CARGO_PKG_VERSION")))
            .build()
    }

    /// The body at `url`; a progress bar named `name` is shown on standard error if that is a terminal.
    ///
    /// Where the server answers 429 or 5xx, is silent for too long, or breaks the connection off, the next attempt
    /// follows after a pause, which is said on standard error. No message holds the password of an address.
    ///
    /// # Errors
    ///
    /// No connection, a time-out, an answer other than 200, fewer bytes than announced, more than allowed, or a redirect
    /// from https:// to http://.
    pub fn get(&self, name: &str, url: &str) -> Result<Vec<u8>, DataError> {
        let (start, mut pause, mut attempt) = (Instant::now(), self.limits.pause, 1);
        loop {
            let left = self.limits.total.saturating_sub(start.elapsed());
            match self.attempt(name, url, left) {
                Err(Failure { error, is_passing: true })
                    if attempt < self.limits.attempts && start.elapsed() + pause < self.limits.total =>
                {
                    complain(&format!(
                        "{name:<9} {error}: attempt {} in {} s",
                        attempt + 1,
                        pause.as_secs_f64()
                    ));
                    thread::sleep(pause);
                    (attempt, pause) = (attempt + 1, 2 * pause);
                }
                outcome => return outcome.map_err(|failure| failure.error),
            }
        }
    }

    fn attempt(&self, name: &str, url: &str, left: Duration) -> Result<Vec<u8>, Failure> {
        let shown = without_password(url);
        let request = self.agent.get(url).config().https_only(is_encrypted(url)).timeout_global(Some(left));
        let response = request.build().call().map_err(|cause| self.explain(&shown, cause, 0, "?"))?;
        let status = response.status();
        if status.as_u16() != 200 {
            let error = DataError::Status { url: shown, status: status.to_string() };
            return Err(Failure { error, is_passing: status.is_server_error() || status.as_u16() == 429 });
        }
        let final_error = |error| Failure { error, is_passing: false };
        let too_large = || final_error(DataError::TooLarge { file: shown.clone(), limit: self.limits.bytes });
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
                self.explain(&shown, cause.into(), bytes.len() as u64, &expected)
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
            Some(length) if length != bytes.len() as u64 => {
                let (received, expected) = (bytes.len() as u64, length.to_string());
                Err(Failure { error: DataError::CutOff { url: shown, received, expected }, is_passing: true })
            }
            _ => Ok(bytes),
        }
    }

    /// `url` is shown, so without its password.
    fn explain(&self, url: &str, cause: ureq::Error, received: u64, expected: &str) -> Failure {
        let url = url.to_string();
        let waited = |doing: &str, limit: Duration| format!("{doing} for {} s", limit.as_secs_f64());
        let timed_out = |phase| DataError::TimedOut { url: url.clone(), phase, received };
        let (error, is_passing) = match cause {
            ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) => {
                (timed_out(waited("connecting", self.limits.connect)), true)
            }
            ureq::Error::Timeout(Timeout::PerRead) => {
                (timed_out(waited("waiting for data", self.limits.read)), true)
            }
            ureq::Error::Timeout(_) => (timed_out(waited("downloading", self.limits.total)), false),
            ureq::Error::RequireHttpsOnly(to) => {
                (DataError::NotEncrypted { url, to: without_password(&to) }, false)
            }
            ureq::Error::Io(cause) if received > 0 || cause.kind() == ErrorKind::UnexpectedEof => {
                (DataError::CutOff { url, received, expected: expected.to_string() }, true)
            }
            cause => {
                use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
                let broken = [BrokenPipe, ConnectionAborted, ConnectionReset];
                let is_passing = matches!(&cause, ureq::Error::Io(cause) if broken.contains(&cause.kind()));
                let cause = match cause {
                    ureq::Error::Io(cause) => cause.to_string(),
                    cause => cause.to_string(),
                };
                (DataError::Connection { url, cause: without_password(&cause) }, is_passing)
            }
        };
        Failure { error, is_passing }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::net::TcpListener;
    use ureq::unversioned::resolver::DefaultResolver;
    use ureq::unversioned::transport::{
        Buffers, ConnectionDetails, Connector, NextTimeout, TcpConnector, Transport,
    };

    /// Takes a plain connection for an encrypted one: what is tested is where the client goes, not how it is encrypted.
    #[derive(Debug)]
    struct Pretended<T>(T);

    #[derive(Debug, Default)]
    struct Pretending(TcpConnector);

    impl Connector<()> for Pretending {
        type Out = Pretended<Box<dyn Transport>>;
        fn connect(
            &self,
            details: &ConnectionDetails<'_>,
            chained: Option<()>,
        ) -> Result<Option<Self::Out>, ureq::Error> {
            let plain = self.0.connect(details, chained)?;
            Ok(plain.map(|plain| Pretended(Box::new(plain) as Box<dyn Transport>)))
        }
    }

    impl Transport for Pretended<Box<dyn Transport>> {
        fn buffers(&mut self) -> &mut dyn Buffers {
            self.0.buffers()
        }
        fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
            self.0.transmit_output(amount, timeout)
        }
        fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
            self.0.await_input(timeout)
        }
        fn is_open(&mut self) -> bool {
            self.0.is_open()
        }
        fn is_tls(&self) -> bool {
            true
        }
    }

    /// Redirects every request for `/begin` to where it is told, and answers all others.
    fn serve(to: impl Fn(&str) -> String + Send + 'static) -> std::io::Result<String> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let host = listener.local_addr()?.to_string();
        let at = host.clone();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut request = Vec::new();
                let mut byte = [0];
                while !request.ends_with(b"\r\n\r\n") && stream.read_exact(&mut byte).is_ok() {
                    request.push(byte[0]);
                }
                let (status, header) = match request.starts_with(b"GET /begin ") {
                    true => ("302 Found", format!("Location: {}\r\nContent-Length: 0", to(&at))),
                    false => ("200 OK", "Content-Length: 4".to_owned()),
                };
                let answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{header}\r\n\r\nbody");
                let _ = stream.write_all(answer.as_bytes());
            }
        });
        Ok(host)
    }

    #[test]
    fn encrypted_connections_stay_encrypted() -> Result<(), Box<dyn std::error::Error>> {
        let limits = Limits::default();
        let agent =
            Agent::with_parts(Client::config(limits), Pretending::default(), DefaultResolver::default());
        let client = Client { agent, limits };
        let host = serve(|host| format!("https://{host}/end"))?;
        assert_eq!(client.get("", &format!("https://{host}/begin"))?, b"body");
        let host = serve(|host| format!("http://name:secret@{host}/end"))?;
        let error = client.get("", &format!("https://name:secret@{host}/begin")).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "https://***@{host}/begin: redirected to http://***@{host}/end, which is not encrypted; expected to stay with \
                 https://"
            )
        );
        // Without encryption from the beginning there is none to lose.
        let plain = Client::new(limits);
        let host = serve(|_| "/end".to_owned())?;
        assert_eq!(plain.get("", &format!("http://{host}/begin"))?, b"body");
        Ok(())
    }
}
