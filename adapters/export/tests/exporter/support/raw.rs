//! Peers below HTTP: they accept and then misbehave.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use tokio::net::TcpSocket;

use super::SOON;

/// A listener whose every connection is handed to a closure, on a thread of its own.
pub struct RawPeer {
    pub address: String,
    connected: mpsc::Receiver<()>,
}

impl RawPeer {
    pub fn start(treat: impl Fn(TcpStream) + Send + Sync + 'static) -> RawPeer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (sender, connected) = mpsc::channel();
        thread::spawn(move || {
            thread::scope(|scope| {
                for stream in listener.incoming() {
                    let (stream, treat, sender) = (stream.unwrap(), &treat, sender.clone());
                    scope.spawn(move || {
                        let _ = sender.send(());
                        treat(stream);
                    });
                }
            });
        });
        RawPeer { address, connected }
    }

    /// Reads what comes and never answers.
    pub fn black_hole() -> RawPeer {
        RawPeer::start(|mut stream| while stream.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {})
    }

    /// Reads a little of the request, then breaks off.
    pub fn breaks_off() -> RawPeer {
        RawPeer::start(|mut stream| drop(stream.read(&mut [0; 64])))
    }

    /// Says the same to everything.
    pub fn says(bytes: &'static [u8]) -> RawPeer {
        RawPeer::start(move |mut stream| {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(bytes);
            // Until the other side has had enough, so that it sees the bytes and not a reset.
            while stream.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {}
        })
    }

    /// Waits until somebody has connected.
    pub fn wait_connected(&self) {
        self.connected.recv_timeout(SOON).expect("somebody connects");
    }
}

/// An address at which nobody listens, and nobody else can begin to while this lives.
pub struct Nobody {
    pub address: String,
    _socket: TcpSocket,
}

impl Nobody {
    pub fn new() -> Nobody {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        Nobody { address: format!("http://{}", socket.local_addr().unwrap()), _socket: socket }
    }
}
