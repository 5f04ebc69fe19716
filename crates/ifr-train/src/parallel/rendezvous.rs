//! How the processes of a training find each other: rank 0 listens, the others connect until it does.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::handshake::{Hello, answer, read_answer};
use super::star::{Link, Star};
use super::world::Meeting;
use super::{ParallelError, World};

/// How long processes wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For all to be there. Machines of a cluster may start minutes apart.
    pub meet: Duration,
    /// For another process to get to the same point; more than rank 0's longest validation. Processes that end are noticed at once,
    /// this is for those that hang.
    pub exchange: Duration,
}

impl Default for Timeouts {
    /// 10 minutes and an hour.
    fn default() -> Self {
        Self { meet: Duration::from_secs(600), exchange: Duration::from_secs(3600) }
    }
}

/// How long a connection may take to say who it is; also how long a stranger can hold the others up.
const HELLO: Duration = Duration::from_secs(5);

/// Connects this process with the others of its world.
pub(super) fn meet(
    world: &World,
    meeting: &Meeting,
    fingerprint: u64,
    timeouts: Timeouts,
) -> Result<Star, ParallelError> {
    let hello = Hello::new(world.rank(), world.size(), meeting.job, fingerprint);
    if world.is_first() {
        host(&listen(meeting)?, world.size(), &hello, timeouts)
    } else {
        join(world, meeting, &hello, timeouts)
    }
}

/// Listens where the others will look: at a loopback address alone where the meeting's is literally one, so that nothing is open to
/// the network; else at all addresses of this machine. What a name means here need not be what it means there: many systems
/// give their own name a loopback address, and addresses are translated on the way.
fn listen(meeting: &Meeting) -> Result<TcpListener, ParallelError> {
    let failed = |error: std::io::Error| ParallelError::Listen {
        address: format!("{}:{}", meeting.host, meeting.port),
        problem: error.to_string(),
    };
    if is_loopback(&meeting.host) {
        return TcpListener::bind((meeting.host.as_str(), meeting.port)).map_err(failed);
    }
    // Of version 6, which takes connections of version 4 as well; not every machine has it.
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, meeting.port)) {
        Err(error) if error.kind() != ErrorKind::AddrInUse && error.kind() != ErrorKind::PermissionDenied => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, meeting.port)).map_err(failed)
        }
        other => other.map_err(failed),
    }
}

/// Whether a host means this machine on this machine only, whatever names stand for.
fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Rank 0: waits for all others.
pub(super) fn host(
    listener: &TcpListener,
    size: usize,
    first: &Hello,
    timeouts: Timeouts,
) -> Result<Star, ParallelError> {
    let address = listener.local_addr().map_or_else(|_| "?".to_owned(), |address| address.to_string());
    let failed = |error: std::io::Error| ParallelError::Listen {
        address: address.clone(),
        problem: error.to_string(),
    };
    listener.set_nonblocking(true).map_err(failed)?;
    let deadline = Instant::now() + timeouts.meet;
    let mut seats: Vec<Option<TcpStream>> = (1..size).map(|_| None).collect();
    let problem = loop {
        if seats.iter().all(Option::is_some) {
            break None;
        }
        match listener.accept() {
            Ok((stream, from)) => match greet(&stream, first, &seats) {
                Ok(rank) => seats[rank - 1] = Some(stream),
                Err(Stranger::Passing(reason)) => {
                    tracing::warn!(
                        "a connection from {from} is not one of this training's processes: {reason}"
                    );
                }
                Err(Stranger::Wrong(error)) => {
                    let _ = answer(&stream, Some(&error.to_string()));
                    break Some(error);
                }
            },
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if Instant::now() >= deadline {
                    let missing = (1..size).filter(|rank| seats[rank - 1].is_none()).collect();
                    break Some(ParallelError::Missing {
                        address: address.clone(),
                        size,
                        missing,
                        waited: timeouts.meet,
                    });
                }
                sleep(Duration::from_millis(5));
            }
            // One that gave up while it waited to be accepted.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
            Err(error) => break Some(failed(error)),
        }
    };
    let refusal = problem.as_ref().map(ToString::to_string);
    let mut links = Vec::with_capacity(seats.len());
    for (index, stream) in seats.into_iter().enumerate() {
        let Some(stream) = stream else { continue };
        let rank = index + 1;
        match answer(&stream, refusal.as_deref()).and_then(|()| Link::new(rank, stream, timeouts.exchange)) {
            Ok(link) => links.push(link),
            Err(_) if refusal.is_some() => {}
            Err(error) => return Err(ParallelError::Lost { rank, problem: error.to_string() }),
        }
    }
    problem.map_or_else(|| Ok(Star::new(0, size, links)), Err)
}

/// Somebody whose connection is not taken.
enum Stranger {
    /// Nothing to do with this training: it goes on without.
    Passing(String),
    /// A process of this training that cannot take part: it cannot go on.
    Wrong(ParallelError),
}

/// Hears who connects; the rank of one that belongs here.
fn greet(stream: &TcpStream, first: &Hello, seats: &[Option<TcpStream>]) -> Result<usize, Stranger> {
    let passing = |error: std::io::Error| Stranger::Passing(error.to_string());
    stream.set_nonblocking(false).map_err(passing)?;
    stream.set_read_timeout(Some(HELLO)).map_err(passing)?;
    stream.set_write_timeout(Some(HELLO)).map_err(passing)?;
    let hello = Hello::read(stream).map_err(passing)?;
    if hello.job != first.job {
        let reason = "it belongs to another training, which has the same MASTER_PORT";
        let _ = answer(stream, Some(reason));
        return Err(Stranger::Passing(reason.to_owned()));
    }
    let rank = hello.rank as usize;
    let wrong = |problem| Stranger::Wrong(ParallelError::Refused { rank, problem });
    if let Some(problem) = hello.problem(first) {
        return Err(wrong(problem));
    }
    match seats.get(rank.wrapping_sub(1)) {
        Some(None) => Ok(rank),
        _ => Err(wrong("there is one of that rank already; each process needs a RANK of its own".to_owned())),
    }
}

/// The others: connect to rank 0, however long that takes to listen.
fn join(world: &World, meeting: &Meeting, hello: &Hello, timeouts: Timeouts) -> Result<Star, ParallelError> {
    let address = format!("{}:{}", meeting.host, meeting.port);
    let deadline = Instant::now() + timeouts.meet;
    let mut pause = Duration::from_millis(10);
    let stream = loop {
        let problem = match attempt(meeting, deadline) {
            Ok(stream) => break stream,
            Err(problem) => problem,
        };
        if Instant::now() + pause >= deadline {
            return Err(ParallelError::Unreachable {
                rank: world.rank(),
                address,
                waited: timeouts.meet,
                problem,
            });
        }
        sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(500));
    };
    let lost = |error: std::io::Error| ParallelError::Lost { rank: 0, problem: error.to_string() };
    // Rank 0 answers when all are there, or says who is missing.
    stream.set_read_timeout(Some(timeouts.meet.saturating_add(timeouts.exchange))).map_err(lost)?;
    hello.write(&stream).map_err(lost)?;
    match read_answer(&stream).map_err(lost)? {
        Some(reason) => Err(ParallelError::Stopped { rank: 0, reason }),
        None => Ok(Star::new(
            world.rank(),
            world.size(),
            vec![Link::new(0, stream, timeouts.exchange).map_err(lost)?],
        )),
    }
}

/// Tries each of the addresses that the host's name stands for.
fn attempt(meeting: &Meeting, deadline: Instant) -> Result<TcpStream, String> {
    let addresses: Vec<SocketAddr> =
        (meeting.host.as_str(), meeting.port).to_socket_addrs().map_err(|error| error.to_string())?.collect();
    let mut problem = "the name has no address".to_owned();
    for address in addresses {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        match TcpStream::connect_timeout(&address, left.min(Duration::from_secs(10))) {
            Ok(stream) => return Ok(stream),
            Err(error) => problem = error.to_string(),
        }
    }
    Err(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listening(host: &str) -> IpAddr {
        let meeting = Meeting { host: host.to_owned(), port: 0, job: 0 };
        listen(&meeting).unwrap().local_addr().unwrap().ip()
    }

    #[test]
    fn loopback_addresses_are_not_open_to_the_network() {
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.0.1.1"] {
            assert!(listening(host).is_loopback(), "{host}: {}", listening(host));
        }
        assert!(is_loopback("::1"));
    }

    #[test]
    fn names_are_listened_for_everywhere_whatever_they_mean_here() {
        for host in ["node1.invalid", "192.0.2.7", "0.0.0.0", "127.0.0.1.example"] {
            assert!(listening(host).is_unspecified(), "{host}: {}", listening(host));
        }
        // On many systems a loopback address, or one of several networks.
        if let Ok(own) = std::fs::read_to_string("/proc/sys/kernel/hostname") {
            let own = own.trim();
            assert!(is_loopback(own) || listening(own).is_unspecified(), "{own}: {}", listening(own));
        }
    }

    #[test]
    fn who_listens_everywhere_is_reached_by_loopback() {
        let meeting = Meeting { host: "node1.invalid".to_owned(), port: 0, job: 0 };
        let listener = listen(&meeting).unwrap();
        let port = listener.local_addr().unwrap().port();
        TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        listener.accept().unwrap();
    }
}
