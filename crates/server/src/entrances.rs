//! Which serving thread a connection is served on.
//!
//! All threads accept from one socket, and whoever wakes first takes what is there: the five connections over which docker pushes would
//! all be one processor's, while the others have nothing to do. So a connection goes to the thread that has the fewest.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::connect_info::Connected;
use axum_server::{AddrListener, Address};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// A connection's share of its thread, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Seat(Arc<AtomicUsize>);

impl Seat {
    fn taken(connections: &Arc<AtomicUsize>) -> Self {
        connections.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(connections))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What one thread hands to another: a connection that is on no thread yet.
type Handed = (std::net::TcpStream, SocketAddr, Seat);

/// A thread as the others see it.
#[derive(Debug)]
struct Neighbour {
    connections: Arc<AtomicUsize>,
    door: UnboundedSender<Handed>,
}

/// Where connections come in on one thread, before it is open.
#[derive(Debug)]
pub(crate) struct Entrance {
    socket: std::net::TcpListener,
    all: Arc<[Neighbour]>,
    own: usize,
    handed: UnboundedReceiver<Handed>,
}

/// So many entrances to one socket.
pub(crate) fn entrances(socket: &std::net::TcpListener, count: usize) -> io::Result<Vec<Entrance>> {
    let (neighbours, doors): (Vec<_>, Vec<_>) = (0..count)
        .map(|_| {
            let (door, handed) = unbounded_channel();
            let connections = Arc::default();
            (Neighbour { connections, door }, handed)
        })
        .unzip();
    let all: Arc<[Neighbour]> = neighbours.into();
    let entrances = doors.into_iter().enumerate().map(|(own, handed)| {
        Ok(Entrance {
            socket: socket.try_clone()?,
            all: Arc::clone(&all),
            own,
            handed,
        })
    });
    entrances.collect()
}

impl Entrance {
    /// Opens it on the thread whose runtime this is called on.
    pub(crate) fn open(self) -> io::Result<OpenEntrance> {
        Ok(OpenEntrance {
            socket: TcpListener::from_std(self.socket)?,
            all: self.all,
            own: self.own,
            handed: Mutex::new(self.handed),
        })
    }
}

/// Where connections come in on one thread.
#[derive(Debug)]
pub(crate) struct OpenEntrance {
    socket: TcpListener,
    all: Arc<[Neighbour]>,
    own: usize,
    handed: Mutex<UnboundedReceiver<Handed>>,
}

impl OpenEntrance {
    /// Who has the fewest connections; this thread, if none has fewer.
    fn emptiest(&self) -> Option<(usize, &Neighbour)> {
        let numbered = self.all.iter().enumerate();
        numbered.min_by_key(|(number, thread)| (thread.connections.load(Ordering::Relaxed), *number != self.own))
    }

    /// The connection, if it is to stay on this thread.
    fn distribute(&self, stream: TcpStream, peer: SocketAddr) -> io::Result<Option<(Seated, Peer)>> {
        let Some((number, thread)) = self.emptiest() else {
            return Ok(None);
        };
        let seat = Seat::taken(&thread.connections);
        if number == self.own {
            return Ok(Some((Seated { stream, seat }, Peer(peer))));
        }
        match thread.door.send((stream.into_std()?, peer, seat)) {
            Ok(()) => Ok(None),
            // That thread has stopped, as this one will.
            Err(returned) => seated(returned.0).map(Some),
        }
    }
}

fn seated((stream, peer, seat): Handed) -> io::Result<(Seated, Peer)> {
    let stream = TcpStream::from_std(stream)?;
    Ok((Seated { stream, seat }, Peer(peer)))
}

/// A connection on its thread.
#[derive(Debug)]
pub(crate) struct Seated {
    pub(crate) stream: TcpStream,
    pub(crate) seat: Seat,
}

/// The other side's address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(SocketAddr);

impl Connected<Peer> for SocketAddr {
    fn connect_info(peer: Peer) -> Self {
        peer.0
    }
}

impl Address for Peer {
    type Stream = Seated;
    type Listener = OpenEntrance;
}

impl AddrListener<Seated, Peer> for OpenEntrance {
    /// The only one at this address.
    async fn bind_to(address: Peer) -> io::Result<Self> {
        let socket = TcpListener::bind(address.0).await?.into_std()?;
        let mut only = entrances(&socket, 1)?;
        only.pop().ok_or(io::ErrorKind::AddrNotAvailable)?.open()
    }

    async fn accept_stream(&self) -> io::Result<(Seated, Peer)> {
        let mut handed = self.handed.lock().await;
        loop {
            tokio::select! {
                Some(handed) = handed.recv() => return seated(handed),
                accepted = self.socket.accept() => {
                    let (stream, peer) = accepted?;
                    if let Some(own) = self.distribute(stream, peer)? {
                        return Ok(own);
                    }
                }
            }
        }
    }

    fn get_local_addr(&self) -> io::Result<Peer> {
        self.socket.local_addr().map(Peer)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    async fn two() -> (SocketAddr, [OpenEntrance; 2]) {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap().into_std().unwrap();
        let address = socket.local_addr().unwrap();
        let open = entrances(&socket, 2)
            .unwrap()
            .into_iter()
            .map(|one| one.open().unwrap());
        (address, open.collect::<Vec<_>>().try_into().unwrap())
    }

    /// What comes in on one of two threads, both of which accept.
    async fn next(entrances: &[OpenEntrance; 2]) -> (usize, Seated) {
        let [first, second] = entrances;
        tokio::select! {
            came = first.accept_stream() => (0, came.unwrap().0),
            came = second.accept_stream() => (1, came.unwrap().0),
        }
    }

    #[tokio::test]
    async fn connections_that_come_at_once_are_shared_out() {
        let (address, entrances) = two().await;
        let mut callers = Vec::new();
        let mut here = [Vec::new(), Vec::new()];
        for _ in 0..6 {
            callers.push(TcpStream::connect(address).await.unwrap());
        }
        for _ in 0..6 {
            let (thread, seated) = next(&entrances).await;
            here[thread].push(seated);
        }
        assert_eq!(here.each_ref().map(Vec::len), [3, 3]);
        // Who has lost two gets the next two, wherever they come in.
        here[1].truncate(1);
        for _ in 0..2 {
            callers.push(TcpStream::connect(address).await.unwrap());
            let (thread, seated) = next(&entrances).await;
            here[thread].push(seated);
        }
        assert_eq!(here.each_ref().map(Vec::len), [3, 3]);
    }

    #[tokio::test]
    async fn the_caller_is_known_and_served_when_the_other_thread_has_stopped() {
        let (address, [first, second]) = two().await;
        let (_caller, came) = (TcpStream::connect(address).await.unwrap(), first.accept_stream().await);
        let _seated = came.unwrap();
        drop(second);
        let caller = TcpStream::connect(address).await.unwrap();
        let came = timeout(Duration::from_secs(10), first.accept_stream()).await;
        let (_seated, peer) = came.unwrap().unwrap();
        assert_eq!(
            <SocketAddr as Connected<Peer>>::connect_info(peer),
            caller.local_addr().unwrap()
        );
    }
}
