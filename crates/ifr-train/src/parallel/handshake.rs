//! The first words between a process and rank 0: who it is, and whether it belongs here.

use std::io::{Error, ErrorKind, Read, Result, Write};

/// Begins every connection, so that whatever else connects to the port is told apart.
const MAGIC: [u8; 8] = *b"ifrworld";
/// Of the protocol: processes of different versions do not mix.
const VERSION: u32 = 2;
const HELLO_BYTES: usize = 36;
/// No refusal is longer.
const REASON_BYTES: usize = 1024;

/// How a process introduces itself to rank 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub(super) version: u32,
    pub(super) rank: u32,
    pub(super) size: u32,
    pub(super) job: u64,
    pub(super) fingerprint: u64,
}

impl Hello {
    pub(super) fn new(rank: usize, size: usize, job: u64, fingerprint: u64) -> Self {
        // More processes than fit do not exist; saturated, they are refused.
        let word = |number| u32::try_from(number).unwrap_or(u32::MAX);
        Self { version: VERSION, rank: word(rank), size: word(size), job, fingerprint }
    }

    pub(super) fn write(&self, mut to: impl Write) -> Result<()> {
        let mut bytes = Vec::with_capacity(HELLO_BYTES);
        bytes.extend(MAGIC);
        bytes.extend([self.version, self.rank, self.size].into_iter().flat_map(u32::to_le_bytes));
        bytes.extend([self.job, self.fingerprint].into_iter().flat_map(u64::to_le_bytes));
        to.write_all(&bytes)
    }

    pub(super) fn read(mut from: impl Read) -> Result<Self> {
        let mut bytes = [0; HELLO_BYTES];
        from.read_exact(&mut bytes)?;
        if bytes[..8] != MAGIC {
            return Err(Error::new(ErrorKind::InvalidData, "not a process of ifr"));
        }
        let word = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let long = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        Ok(Self { version: word(8), rank: word(12), size: word(16), job: long(20), fingerprint: long(28) })
    }

    /// Why a process that says `self` cannot join rank 0, which would say `first`; `None` where it can.
    pub(super) fn problem(&self, first: &Self) -> Option<String> {
        if self.version != first.version {
            Some(format!(
                "its protocol is version {}, rank 0's version {}; run the same build everywhere",
                self.version, first.version
            ))
        } else if self.size != first.size {
            Some(format!("it was started as one of {} processes, rank 0 as one of {}", self.size, first.size))
        } else if self.rank == 0 || self.rank >= self.size {
            Some(format!("the others have the ranks 1 to {}", first.size.saturating_sub(1)))
        } else if self.fingerprint != first.fingerprint {
            Some("its configuration, its kind of device or the checkpoint it goes on from differs from rank 0's".to_owned())
        } else {
            None
        }
    }
}

/// Rank 0's answer, once all are there or one does not belong.
pub(super) fn answer(mut to: impl Write, refusal: Option<&str>) -> Result<()> {
    let reason = refusal.unwrap_or_default().as_bytes();
    let reason = &reason[..reason.len().min(REASON_BYTES)];
    let mut bytes = vec![u8::from(refusal.is_some())];
    bytes.extend((reason.len() as u32).to_le_bytes());
    bytes.extend(reason);
    to.write_all(&bytes)
}

/// Reads [`answer`]: `Ok(Some(reason))` for a refusal.
pub(super) fn read_answer(mut from: impl Read) -> Result<Option<String>> {
    let mut head = [0; 5];
    from.read_exact(&mut head)?;
    let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if head[0] > 1 || length > REASON_BYTES {
        return Err(Error::new(ErrorKind::InvalidData, "something else listens there"));
    }
    let mut reason = vec![0; length];
    from.read_exact(&mut reason)?;
    Ok((head[0] == 1).then(|| String::from_utf8_lossy(&reason).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hello_survives_the_wire() {
        let hello = Hello::new(3, 8, 11, u64::MAX);
        let mut wire = Vec::new();
        hello.write(&mut wire).unwrap();
        assert_eq!(wire.len(), HELLO_BYTES);
        assert_eq!(Hello::read(wire.as_slice()).unwrap(), hello);
        wire[0] = b'G';
        assert_eq!(Hello::read(wire.as_slice()).unwrap_err().kind(), ErrorKind::InvalidData);
    }

    #[test]
    fn who_differs_is_told_in_what() {
        let first = Hello::new(0, 4, 1, 2);
        assert_eq!(Hello::new(3, 4, 1, 2).problem(&first), None);
        for (hello, words) in [
            (Hello::new(1, 5, 1, 2), "one of 5 processes, rank 0 as one of 4"),
            (Hello::new(0, 4, 1, 2), "ranks 1 to 3"),
            (Hello::new(4, 4, 1, 2), "ranks 1 to 3"),
            (Hello::new(1, 4, 1, 3), "configuration"),
            (Hello { version: 9, ..Hello::new(1, 4, 1, 2) }, "version 9"),
        ] {
            assert!(hello.problem(&first).unwrap().contains(words), "{hello:?}");
        }
    }

    #[test]
    fn answers_survive_the_wire_and_stay_short() {
        let through = |refusal: Option<&str>| {
            let mut wire = Vec::new();
            answer(&mut wire, refusal).unwrap();
            read_answer(wire.as_slice()).unwrap()
        };
        assert_eq!(through(None), None);
        assert_eq!(through(Some("no")), Some("no".to_owned()));
        assert_eq!(through(Some(&"x".repeat(5000))).unwrap().len(), REASON_BYTES);
        assert!(read_answer(&[1, 255, 255, 255, 255][..]).is_err());
        assert!(read_answer(&b"HTTP/1.1"[..]).is_err());
    }
}
