//! Profiles, pushed at intervals and at the end. Each is of what was done since the last one that was taken out.
//!
//! What a receiver does not take now is sent again with the next one, under the same batch id, so that none is lost or counted twice
//! while the process lives. One waits at most: until it has an end, what is done meanwhile gathers where it is recorded.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use waspect_otlp_client::{Answer, Endpoint, Signal, connect};

use crate::USER_AGENT;

/// A profile of a time.
#[derive(Clone, Debug)]
pub struct Piece {
    /// A `Profile` message of pprof.
    pub pprof: Vec<u8>,
    /// The build that it is of; empty: of several, or not known.
    pub build: String,
    /// When it begins, in us since 1970.
    pub start_us: u64,
    /// When it ends.
    pub end_us: u64,
}

/// What became of profiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProfileHealth {
    /// Taken by the receiver.
    pub sent: u64,
    /// Refused for good, or given up at the end.
    pub dropped: u64,
}

/// The thread that pushes; dropped without a [`ProfilePush::shutdown`] it ends and sends nothing more.
#[derive(Debug)]
pub struct ProfilePush {
    end: Sender<Instant>,
    ended: Receiver<ProfileHealth>,
}

impl ProfilePush {
    /// Starts it: every so often `take` is asked for what was done since it was asked last; `None`: nothing.
    pub fn start(
        endpoint: Endpoint,
        service: String,
        every: Duration,
        take: impl FnMut() -> Option<Piece> + Send + 'static,
    ) -> io::Result<ProfilePush> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let ((end, ending), (tell, ended)) = (channel(), channel());
        let mut pusher = Pusher { endpoint, service, take, waiting: None, health: ProfileHealth::default() };
        let run = move || {
            let health = runtime.block_on(pusher.run(every, &ending));
            // Who gave up listens no more.
            let _ = tell.send(health);
        };
        thread::Builder::new().name("waspect-profile".into()).spawn(run)?;
        Ok(ProfilePush { end, ended })
    }

    /// Sends what is left, until then, and ends. `None`: it is not done by then.
    pub fn shutdown(&self, until: Instant) -> Option<ProfileHealth> {
        // It is there unless this was called before.
        self.end.send(until).ok()?;
        self.ended.recv_timeout(until.saturating_duration_since(Instant::now())).ok()
    }
}

struct Pusher<F> {
    endpoint: Endpoint,
    service: String,
    take: F,
    waiting: Option<Push>,
    health: ProfileHealth,
}

/// A profile that has no end yet.
struct Push {
    piece: Piece,
    batch: u128,
}

impl<F: FnMut() -> Option<Piece>> Pusher<F> {
    async fn run(&mut self, every: Duration, ending: &Receiver<Instant>) -> ProfileHealth {
        loop {
            // Nothing else is on this thread.
            let until = match ending.recv_timeout(every) {
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return self.health,
                Ok(until) => Some(until),
            };
            // The one that waits, then what was done since.
            while self.push(until).await {}
            if until.is_some() {
                self.health.dropped += u64::from(self.waiting.take().is_some());
                return self.health;
            }
        }
    }

    /// Sends one; false: there is none, or it has to wait.
    async fn push(&mut self, until: Option<Instant>) -> bool {
        if self.waiting.is_none() {
            self.waiting = (self.take)().map(|piece| Push { piece, batch: rand::random() });
        }
        let Some(push) = &self.waiting else { return false };
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let timeout = left.map_or(self.endpoint.timeout, |left| left.min(self.endpoint.timeout));
        let taken = match tokio::time::timeout(timeout, self.attempt(push)).await {
            Ok(Answer::Accepted { .. }) => true,
            Ok(Answer::Refused(_) | Answer::Malformed(_) | Answer::NotOtlp(_)) => false,
            Ok(Answer::Later { .. } | Answer::Unreachable(_) | Answer::Unanswered(_)) | Err(_) => return false,
        };
        self.health.sent += u64::from(taken);
        self.health.dropped += u64::from(!taken);
        self.waiting = None;
        true
    }

    async fn attempt(&self, push: &Push) -> Answer {
        let connected = self.url(push).and_then(|url| {
            let endpoint = Endpoint { url, ..self.endpoint.clone() };
            // Any signal: the bytes go as they are, and a yes without a body says nothing of signals.
            connect(Signal::Traces, &endpoint, USER_AGENT)
        });
        match connected {
            Ok(mut transport) => transport.export(Bytes::from(push.piece.pprof.clone())).await,
            Err(why) => Answer::Malformed(waspect_otlp_client::Failure::new("malformed", why)),
        }
    }

    fn url(&self, Push { piece, batch }: &Push) -> Result<http::Uri, String> {
        let url = self.endpoint.url.to_string();
        let and = if url.contains('?') { '&' } else { '?' };
        let (service, Piece { start_us, end_us, build, .. }) =
            (utf8_percent_encode(&self.service, NON_ALPHANUMERIC), piece);
        let build = match &**build {
            "" => String::new(),
            build => format!("&build={}", utf8_percent_encode(build, NON_ALPHANUMERIC)),
        };
        let url =
            format!("{url}{and}service={service}{build}&start={start_us}&end={end_us}&waspect.batch={batch:032x}");
        url.parse().map_err(|error| format!("{url}: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;
    use crate::{Compression, Protocol, Tls};

    /// Answers one request, and gives back its first line and its last byte.
    fn answer(listener: &TcpListener, status: &str) -> (String, u8) {
        let (mut stream, _): (TcpStream, _) = listener.accept().unwrap();
        let (mut request, mut piece) = (Vec::new(), [0; 4096]);
        // The body is one byte.
        while !request.windows(4).rev().skip(1).any(|end| end == b"\r\n\r\n") {
            let read = stream.read(&mut piece).unwrap();
            request.extend(&piece[..read]);
        }
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
        let line = String::from_utf8_lossy(&request).lines().next().unwrap().to_owned();
        (line, *request.last().unwrap())
    }

    #[test]
    fn what_is_not_taken_now_comes_again_as_the_same_batch_and_what_is_refused_does_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = Endpoint {
            url: format!("http://{}/api/pprof", listener.local_addr().unwrap()).parse().unwrap(),
            protocol: Protocol::HttpProtobuf,
            headers: Vec::new(),
            timeout: Duration::from_secs(30),
            compression: Compression::None,
            tls: Tls::default(),
        };
        let mut number = 0;
        let take = move || {
            number += 1;
            let build = if number == 1 { "00ff".to_owned() } else { String::new() };
            let piece = Piece { pprof: vec![number], build, start_us: number.into(), end_us: u64::from(number) + 1 };
            (number <= 3).then_some(piece)
        };
        let push = ProfilePush::start(endpoint, "a shop".into(), Duration::from_millis(1), take).unwrap();
        let answers = ["503 Busy", "204 No Content", "400 Bad Request", "204 No Content"];
        let asked = answers.map(|status| answer(&listener, status));
        assert_eq!(asked.each_ref().map(|(_, body)| *body), [1, 1, 2, 3]);
        assert!(
            asked[0].0.starts_with("POST /api/pprof?service=a%20shop&build=00ff&start=1&end=2&waspect.batch="),
            "{asked:?}"
        );
        assert_eq!(asked[0].0, asked[1].0);
        assert!(!asked[2].0.contains("build"), "{asked:?}");
        let health = push.shutdown(Instant::now() + Duration::from_secs(30));
        assert_eq!(health, Some(ProfileHealth { sent: 2, dropped: 1 }));
    }
}
