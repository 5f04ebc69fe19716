//! Processes around rank 0, with a TCP connection each.

use std::io::{Error, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::ParallelError;
use super::message::{HEADER_BYTES, Header, Kind, STOP_BYTES, read_values, write_values};

/// The connection to one other process.
#[derive(Debug)]
pub(super) struct Link {
    rank: usize,
    stream: TcpStream,
    timeout: Duration,
}

impl Link {
    /// To `rank`, which has `timeout` for everything it is asked.
    pub(super) fn new(rank: usize, stream: TcpStream, timeout: Duration) -> std::io::Result<Self> {
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        // Most messages are smaller than a packet and waited for.
        stream.set_nodelay(true)?;
        Ok(Self { rank, stream, timeout })
    }

    fn failed(&self, error: &Error) -> ParallelError {
        let rank = self.rank;
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                ParallelError::Silent { rank, waited: self.timeout }
            }
            ErrorKind::UnexpectedEof => {
                ParallelError::Lost { rank, problem: "it closed the connection".to_owned() }
            }
            _ => ParallelError::Lost { rank, problem: error.to_string() },
        }
    }

    /// Reads the header of a message, which has to be `expected`.
    fn expect(&self, expected: Header) -> Result<(), ParallelError> {
        let out_of_step = |found: String| ParallelError::OutOfStep {
            rank: self.rank,
            found,
            expected: expected.to_string(),
        };
        match Header::read(&self.stream).map_err(|error| self.failed(&error))? {
            Ok(header) if header == expected => Ok(()),
            Ok(Header { kind: Kind::Stop, bytes, .. }) => {
                let mut reason = Vec::new();
                (&self.stream)
                    .take(bytes.min(STOP_BYTES))
                    .read_to_end(&mut reason)
                    .map_err(|error| self.failed(&error))?;
                Err(ParallelError::Stopped {
                    rank: self.rank,
                    reason: String::from_utf8_lossy(&reason).into_owned(),
                })
            }
            Ok(header) => Err(out_of_step(header.to_string())),
            Err(byte) => Err(out_of_step(format!("a message of unknown kind {byte}"))),
        }
    }

    /// Whether the other process is still there, without waiting: that it is not, or has stopped, is an error.
    fn check(&self) -> Result<(), ParallelError> {
        let mut next = [0; HEADER_BYTES];
        let peeked = self.stream.set_nonblocking(true).and_then(|()| {
            let peeked = self.stream.peek(&mut next);
            self.stream.set_nonblocking(false).and(peeked)
        });
        match peeked {
            // Or it is ahead, with something else.
            Ok(1..) if next[0] != Kind::Stop as u8 => Ok(()),
            Ok(_) => self.expect(Header { kind: Kind::Stop, number: 0, bytes: u64::MAX }),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn read(
        &self,
        header: Header,
        values: &mut [f32],
        take: impl Fn(&mut f32, f32),
    ) -> Result<(), ParallelError> {
        self.expect(header)?;
        read_values(&self.stream, values, take).map_err(|error| self.failed(&error))
    }

    fn write(&self, header: Header, values: &[f32]) -> Result<(), ParallelError> {
        write_values(&self.stream, header, values).map_err(|error| self.failed(&error))
    }

    fn read_bytes(&self, header: Header, bytes: &mut [u8]) -> Result<(), ParallelError> {
        self.expect(header)?;
        (&self.stream).read_exact(bytes).map_err(|error| self.failed(&error))
    }

    fn write_bytes(&self, header: Header, bytes: &[u8]) -> Result<(), ParallelError> {
        let mut message = header.to_bytes().to_vec();
        message.extend(bytes);
        (&self.stream).write_all(&message).map_err(|error| self.failed(&error))
    }
}

/// A process and those it is connected with: all others for rank 0, rank 0 for the others.
///
/// All processes have to call the same functions in the same order; one that does not is told so. After an error nothing more can be
/// exchanged: the others are told, as far as they can be reached.
#[derive(Debug)]
pub(super) struct Star {
    rank: usize,
    size: usize,
    /// By rank.
    links: Vec<Link>,
    /// Exchanges so far.
    number: u64,
    /// What ended it.
    ended: Option<String>,
}

impl Star {
    pub(super) fn new(rank: usize, size: usize, links: Vec<Link>) -> Self {
        Self { rank, size, links, number: 0, ended: None }
    }

    /// The mean over all processes, in place. Summed in the order of ranks, by rank 0 alone: the same bits everywhere.
    pub(super) fn average(&mut self, values: &mut [f32]) -> Result<(), ParallelError> {
        self.exchange(Kind::Mean, 4 * values.len(), |star, header| {
            let Some(first) = star.to_first() else {
                for link in &star.links {
                    link.read(header, values, |sum, value| *sum += value)?;
                }
                let size = star.size as f32;
                values.iter_mut().for_each(|value| *value /= size);
                return star.links.iter().try_for_each(|link| link.write(header, values));
            };
            first.write(header, values)?;
            first.read(header, values, |to, value| *to = value)
        })
    }

    /// Rank 0's values, to all.
    pub(super) fn broadcast(&mut self, values: &mut [f32]) -> Result<(), ParallelError> {
        self.exchange(Kind::Values, 4 * values.len(), |star, header| match star.to_first() {
            None => star.links.iter().try_for_each(|link| link.write(header, values)),
            Some(first) => first.read(header, values, |to, value| *to = value),
        })
    }

    /// Rank 0's bytes, to all.
    #[cfg_attr(not(any(test, feature = "nccl")), allow(dead_code))] // carries NCCL's identifier
    pub(super) fn broadcast_bytes(&mut self, bytes: &mut [u8]) -> Result<(), ParallelError> {
        self.exchange(Kind::Bytes, bytes.len(), |star, header| match star.to_first() {
            None => star.links.iter().try_for_each(|link| link.write_bytes(header, bytes)),
            Some(first) => first.read_bytes(header, bytes),
        })
    }

    /// Makes sure, before values travel in another way, that all processes are there and about to send the same. `kind` is one of
    /// those that nothing follows.
    #[cfg_attr(not(any(test, feature = "nccl")), allow(dead_code))] // precedes NCCL's calls
    pub(super) fn agree(&mut self, kind: Kind, bytes: usize) -> Result<(), ParallelError> {
        self.exchange(kind, bytes, |star, header| {
            let Some(first) = star.to_first() else {
                star.links.iter().try_for_each(|link| link.expect(header))?;
                return star.links.iter().try_for_each(|link| link.write_bytes(header, &[]));
            };
            first.write_bytes(header, &[])?;
            first.expect(header)
        })
    }

    /// Whether all processes that this one is connected with are still there, without waiting for them; to be asked again and again
    /// while something else is waited for.
    #[cfg_attr(not(any(test, feature = "nccl")), allow(dead_code))] // while NCCL works
    pub(super) fn check(&mut self) -> Result<(), ParallelError> {
        self.lasting()?;
        let result = self.links.iter().try_for_each(Link::check);
        if let Err(error) = &result {
            self.end(&error.to_string());
        }
        result
    }

    /// Tells the others that this process stops, and why.
    #[cfg_attr(not(any(test, feature = "nccl")), allow(dead_code))] // where NCCL fails
    pub(super) fn fail(&mut self, reason: &str) {
        if self.ended.is_none() {
            self.end(reason);
        }
    }

    /// Whether any process says yes.
    pub(super) fn any(&mut self, flag: bool) -> Result<bool, ParallelError> {
        let mut byte = [u8::from(flag)];
        self.exchange(Kind::Flag, 1, |star, header| {
            let Some(first) = star.to_first() else {
                for link in &star.links {
                    let mut other = [0];
                    link.read_bytes(header, &mut other)?;
                    byte[0] |= other[0];
                }
                return star.links.iter().try_for_each(|link| link.write_bytes(header, &byte));
            };
            first.write_bytes(header, &byte)?;
            first.read_bytes(header, &mut byte)
        })?;
        Ok(byte[0] != 0)
    }

    #[cfg_attr(not(any(test, feature = "nccl")), allow(dead_code))] // as above
    pub(super) fn rank(&self) -> usize {
        self.rank
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// The connection to rank 0; `None` for rank 0 itself.
    fn to_first(&self) -> Option<&Link> {
        if self.rank == 0 { None } else { self.links.first() }
    }

    fn exchange(
        &mut self,
        kind: Kind,
        bytes: usize,
        go: impl FnOnce(&Self, Header) -> Result<(), ParallelError>,
    ) -> Result<(), ParallelError> {
        self.lasting()?;
        self.number += 1;
        let result = go(self, Header { kind, number: self.number, bytes: bytes as u64 });
        if let Err(error) = &result {
            self.end(&error.to_string());
        }
        result
    }

    /// An error where there was one before.
    fn lasting(&self) -> Result<(), ParallelError> {
        match &self.ended {
            Some(reason) => Err(ParallelError::Stopped { rank: self.rank, reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Tells the others, who may be waiting, and lets go of them.
    fn end(&mut self, reason: &str) {
        let header = Header { kind: Kind::Stop, number: self.number, bytes: reason.len() as u64 };
        for link in self.links.drain(..) {
            // Those that do not listen any more need not know.
            let _ = link.stream.set_write_timeout(Some(Duration::from_secs(1)));
            let _ = link.write_bytes(header, reason.as_bytes());
            let _ = link.stream.shutdown(std::net::Shutdown::Write);
        }
        self.ended = Some(reason.to_owned());
    }
}

#[cfg(test)]
pub(super) mod tests;
