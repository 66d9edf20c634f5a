//! A small web server on this machine, with every bad habit servers have.

use std::{
    collections::HashMap,
    error::Error,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// What the server does when asked for a path; anything else is a 404.
pub(crate) enum Reply {
    /// 200 with the whole body.
    Whole(Vec<u8>),
    /// 200 with the whole body but no length: the end of the connection is the end of the body.
    Unannounced(Vec<u8>),
    /// 200 announcing this length, then this body, then the end.
    Announced(usize, Vec<u8>),
    /// 200 announcing this length, then this body, then silence.
    Dead(usize, Vec<u8>),
    /// Silence from the beginning.
    Silent,
    /// A bare status line.
    Status(&'static str),
    /// A redirect to this path.
    Redirect(&'static str),
    /// The end of the connection and nothing before it.
    Nothing,
    /// Each of these in turn, and the last one for ever.
    InTurn(Vec<Reply>, AtomicUsize),
}

impl Reply {
    pub(crate) fn in_turn(replies: impl IntoIterator<Item = Reply>) -> Reply {
        Reply::InTurn(replies.into_iter().collect(), AtomicUsize::new(0))
    }

    fn now(&self) -> &Reply {
        match self {
            Reply::InTurn(replies, asked) => {
                &replies[asked.fetch_add(1, Ordering::Relaxed).min(replies.len() - 1)]
            }
            reply => reply,
        }
    }
}

/// Serves until the test program ends; returns the address.
pub(crate) fn serve(replies: impl IntoIterator<Item = (String, Reply)>) -> Result<String, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}", listener.local_addr()?);
    let replies: Arc<HashMap<String, Reply>> = Arc::new(replies.into_iter().collect());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let replies = Arc::clone(&replies);
            thread::spawn(move || answer(stream, &replies));
        }
    });
    Ok(address)
}

/// Answers one request; the client may hang up at any time, which is its own affair.
fn answer(mut stream: TcpStream, replies: &HashMap<String, Reply>) -> Option<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        request.push(byte[0]);
    }
    let request = String::from_utf8_lossy(&request);
    if !request.to_lowercase().contains("user-agent: gmp-xtask/") {
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").ok()?;
    }
    let path = request.split(' ').nth(1)?.trim_start_matches('/');
    let mut send = |status: &str, header: String, body: &[u8]| {
        let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{header}\r\n");
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).ok()
    };
    let length = |length: usize| format!("Content-Length: {length}\r\n");
    let hold = match replies.get(path).map(Reply::now) {
        Some(Reply::Whole(body)) => send("200 OK", length(body.len()), body).map(|()| false),
        Some(Reply::Unannounced(body)) => send("200 OK", String::new(), body).map(|()| false),
        Some(Reply::Announced(announced, body)) => send("200 OK", length(*announced), body).map(|()| false),
        Some(Reply::Dead(announced, body)) => send("200 OK", length(*announced), body).map(|()| true),
        Some(Reply::Silent) => Some(true),
        Some(Reply::Status(status)) => send(status, length(0), b"").map(|()| false),
        Some(Reply::Redirect(to)) => {
            send("302 Found", format!("Location: /{to}\r\n{}", length(0)), b"").map(|()| false)
        }
        Some(Reply::Nothing | Reply::InTurn(..)) => None,
        None => send("404 Not Found", length(0), b"").map(|()| false),
    }?;
    if hold {
        // Nothing more is said until the client gives up and hangs up.
        let _ = stream.read(&mut [0]);
    }
    Some(())
}
