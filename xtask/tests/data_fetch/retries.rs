//! Servers that fail for a moment, and what is tried again.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use xtask::data::download::{Client, Limits};

use super::{
    Outcomes, limits,
    server::{Reply, serve},
};

fn patient() -> Limits {
    Limits { attempts: 3, ..limits() }
}

#[test]
fn passing_failures_are_tried_again() -> Outcomes {
    let body = || Reply::Whole(b"body".to_vec());
    let server = serve(
        [
            ("503", Reply::in_turn([Reply::Status("503 Service Unavailable"), body()])),
            ("500", Reply::in_turn([Reply::Status("500 Oh"), Reply::Status("502 Oh"), body()])),
            ("429", Reply::in_turn([Reply::Status("429 Too Many Requests"), body()])),
            ("nothing", Reply::in_turn([Reply::Nothing, body()])),
            ("cut", Reply::in_turn([Reply::Announced(9, b"bo".to_vec()), body()])),
            ("dead", Reply::in_turn([Reply::Dead(9, b"bo".to_vec()), body()])),
            ("silent", Reply::in_turn([Reply::Silent, body()])),
        ]
        .map(|(name, reply)| (name.to_string(), reply)),
    )?;
    for name in ["503", "500", "429", "nothing", "cut", "dead", "silent"] {
        let got = Client::new(patient()).get(name, &format!("{server}/{name}"));
        assert_eq!(got.map_err(|error| format!("{name}: {error}"))?, b"body", "{name}");
    }
    Ok(())
}

#[test]
fn lasting_failures_are_not_tried_again_and_passing_ones_not_for_ever() -> Outcomes {
    let good = || Reply::Whole(b"body".to_vec());
    let down = || Reply::Status("503 Service Unavailable");
    let server = serve([
        ("gone".to_string(), Reply::in_turn([Reply::Status("410 Gone"), good()])),
        ("down".to_string(), Reply::in_turn([down(), down(), down(), good()])),
    ])?;
    let client = Client::new(patient());
    let get = |name: &str| client.get(name, &format!("{server}/{name}")).map_err(|error| error.to_string());
    assert!(get("gone").unwrap_err().contains("the server answered 410 Gone"));
    assert!(get("down").unwrap_err().contains("the server answered 503 Service Unavailable"));
    assert_eq!(get("down")?, b"body", "three attempts, no more and no fewer");
    Ok(())
}

/// A connection that is reset: closed with bytes of the request unread.
#[test]
fn resets_are_tried_again() -> Outcomes {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = format!("http://{}/a", listener.local_addr()?);
    thread::spawn(move || {
        for (attempt, mut stream) in listener.incoming().flatten().enumerate() {
            let _ = stream.read(&mut [0]);
            if attempt > 0 {
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream
                    .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody");
            }
        }
    });
    assert_eq!(Client::new(patient()).get("", &address)?, b"body");
    Ok(())
}

#[test]
fn all_attempts_together_keep_to_the_time() -> Outcomes {
    let server = serve([("silent".to_string(), Reply::Silent)])?;
    let total = Duration::from_millis(700);
    let limits = Limits { attempts: 100, total, ..limits() };
    let start = Instant::now();
    let error = Client::new(limits).get("", &format!("{server}/silent")).unwrap_err().to_string();
    assert!(error.contains("timed out"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    Ok(())
}
