//! Processes as threads of one, on ports that the system chose.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use super::{Header, Kind, Star};
use crate::parallel::handshake::Hello;
use crate::parallel::rendezvous::host;
use crate::parallel::{Averager, ParallelError, Timeouts, World};

const LONG: Timeouts = Timeouts { meet: Duration::from_secs(60), exchange: Duration::from_secs(60) };
/// Everything that can come has come when this begins to count.
const SHORT: Timeouts = Timeouts { meet: Duration::from_millis(200), exchange: Duration::from_millis(200) };

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn world(rank: usize, size: usize, port: u16) -> World {
    World::from_variables(|name| match name {
        "RANK" | "LOCAL_RANK" => Some(rank.to_string()),
        "WORLD_SIZE" => Some(size.to_string()),
        "MASTER_ADDR" => Some("127.0.0.1".to_owned()),
        "MASTER_PORT" => Some(port.to_string()),
        _ => None,
    })
    .unwrap()
}

fn join(rank: usize, size: usize, port: u16, fingerprint: u64) -> Result<Averager, ParallelError> {
    world(rank, size, port).connect(tch::Device::Cpu, fingerprint, LONG)
}

/// What rank 0 says to the processes of [`world`].
fn first(size: usize) -> Hello {
    let mut hello = Hello::new(0, size, 0, 1);
    hello.job = world(1, 2, 1).job().unwrap();
    hello
}

/// Runs `work` as every rank of a world of `size`; what each returns, by rank.
pub(in crate::parallel) fn together<T: Send>(size: usize, work: impl Fn(Star) -> T + Sync) -> Vec<T> {
    let (listener, port) = listener();
    thread::scope(|scope| {
        let work = &work;
        let others: Vec<_> = (1..size)
            .map(|rank| scope.spawn(move || work(join(rank, size, port, 1).unwrap().into_star().unwrap())))
            .collect();
        let own = work(host(&listener, size, &first(size), LONG).unwrap());
        std::iter::once(own).chain(others.into_iter().map(|other| other.join().unwrap())).collect()
    })
}

/// Values whose sum depends on the order in which they are added.
fn values(rank: usize, length: usize) -> Vec<f32> {
    (0..length)
        .map(|i| ((i * 31 + rank * 17) as f32 * 0.37).sin() * 10f32.powi((i + rank) as i32 % 9 - 4))
        .collect()
}

#[test]
fn the_mean_is_the_same_to_the_bit_on_every_rank() {
    for length in [0, 1, 1000, 100_003] {
        let results = together(3, |mut star| {
            let mut own = values(star.rank(), length);
            star.average(&mut own).unwrap();
            own
        });
        let expected: Vec<f32> = (0..length)
            .map(|i| ((values(0, length)[i] + values(1, length)[i]) + values(2, length)[i]) / 3.0)
            .take(1000)
            .collect();
        for result in &results {
            assert!(result.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()));
            assert!(result.iter().zip(&results[0]).all(|(a, b)| a.to_bits() == b.to_bits()));
            assert_eq!(result.len(), length);
        }
    }
}

#[test]
fn flags_and_rank_0s_values_reach_all() {
    let results = together(4, |mut star| {
        let nobody = star.any(false).unwrap();
        let third = star.any(star.rank() == 2).unwrap();
        let mut numbers = values(star.rank(), 5);
        star.broadcast(&mut numbers).unwrap();
        let mut bytes = [star.rank() as u8; 3];
        star.broadcast_bytes(&mut bytes).unwrap();
        (nobody, third, numbers, bytes)
    });
    assert!(results.iter().all(|result| *result == (false, true, values(0, 5), [0; 3])), "{results:?}");
}

#[test]
fn missing_ranks_are_named_to_those_who_came() {
    let (listener, port) = listener();
    thread::scope(|scope| {
        let came = scope.spawn(move || join(2, 4, port, 1).unwrap_err());
        let error = loop {
            // Rank 2 may take its time; what is tested is what follows when it came.
            match host(&listener, 4, &first(4), SHORT).unwrap_err() {
                ParallelError::Missing { missing, .. } if missing.len() == 3 => {}
                other => break other,
            }
        };
        assert!(
            matches!(&error, ParallelError::Missing { missing, size: 4, .. } if *missing == [1, 3]),
            "{error}"
        );
        assert!(error.to_string().contains("ranks 1 and 3 did not reach rank 0"), "{error}");
        let told = came.join().unwrap();
        assert!(
            matches!(&told, ParallelError::Stopped { rank: 0, reason } if *reason == error.to_string()),
            "{told}"
        );
    });
}

#[test]
fn an_absent_rank_0_is_said_to_be_unreachable() {
    let (listener, port) = listener();
    drop(listener);
    let error = world(1, 2, port).connect(tch::Device::Cpu, 1, SHORT).unwrap_err();
    assert!(matches!(error, ParallelError::Unreachable { rank: 1, .. }), "{error}");
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
}

#[test]
fn a_port_in_use_is_said_to_be() {
    let (_taken, port) = listener();
    let error = world(0, 2, port).connect(tch::Device::Cpu, 1, SHORT).unwrap_err();
    assert!(matches!(error, ParallelError::Listen { .. }), "{error}");
}

/// What rank 0 and a second process say when the second is started with another size, configuration or rank.
fn mismatch(rank: usize, size: usize, fingerprint: u64) -> (String, String) {
    let (listener, port) = listener();
    thread::scope(|scope| {
        let other = scope.spawn(move || join(rank, size, port, fingerprint).unwrap_err().to_string());
        let own = host(&listener, 3, &first(3), LONG).unwrap_err().to_string();
        (own, other.join().unwrap())
    })
}

#[test]
fn processes_that_do_not_match_are_told() {
    for (rank, size, fingerprint, words) in [
        (1, 2, 1, "one of 2 processes, rank 0 as one of 3"),
        (1, 3, 9, "its configuration, its kind of device or the checkpoint"),
    ] {
        let (own, other) = mismatch(rank, size, fingerprint);
        assert!(own.starts_with("rank 1 cannot take part") && own.contains(words), "{own}");
        assert!(other.contains(words), "{other}");
    }
}

#[test]
fn a_rank_that_is_there_twice_is_told() {
    let (listener, port) = listener();
    thread::scope(|scope| {
        let others = [(); 2].map(|()| scope.spawn(move || join(1, 3, port, 1).unwrap_err().to_string()));
        let own = host(&listener, 3, &first(3), LONG).unwrap_err().to_string();
        assert!(own.contains("rank 1 cannot take part: there is one of that rank already"), "{own}");
        assert!(others.into_iter().all(|other| other.join().unwrap().contains("already")));
    });
}

#[test]
fn strangers_are_passed_over() {
    let (listener, port) = listener();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut stranger = TcpStream::connect(("127.0.0.1", port)).unwrap();
            stranger.write_all(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n\r\n").unwrap();
            // Only then the process that belongs here.
            let _ = stranger.read(&mut [0; 16]);
            assert!(join(1, 2, port, 1).unwrap().into_star().unwrap().any(true).unwrap());
        });
        assert!(host(&listener, 2, &first(2), LONG).unwrap().any(false).unwrap());
    });
}

#[test]
fn another_trainings_process_is_sent_away() {
    let (listener, port) = listener();
    let mut hello = first(2);
    hello.job ^= 1;
    thread::scope(|scope| {
        let other = scope.spawn(move || join(1, 2, port, 1).unwrap_err().to_string());
        let own = loop {
            match host(&listener, 2, &hello, SHORT).unwrap_err() {
                error if other.is_finished() => break error,
                _ => {}
            }
        };
        assert!(matches!(own, ParallelError::Missing { .. }), "{own}");
        let other = other.join().unwrap();
        assert!(other.contains("belongs to another training"), "{other}");
    });
}

#[test]
fn who_ends_is_noticed_by_all() {
    let results = together(3, |mut star| {
        star.any(false).unwrap();
        if star.rank() == 2 {
            return String::new();
        }
        star.average(&mut [1.0; 8]).unwrap_err().to_string()
    });
    assert!(results[0].starts_with("rank 2 is gone"), "{}", results[0]);
    assert!(results[1].starts_with("rank 0 stopped: rank 2 is gone"), "{}", results[1]);
}

#[test]
fn different_numbers_of_values_are_noticed() {
    let results = together(2, |mut star| {
        let error = star.average(&mut vec![1.0; 8 + star.rank()]).unwrap_err().to_string();
        // And nothing more is exchanged.
        assert!(star.any(false).is_err());
        error
    });
    assert!(
        results[0].starts_with("rank 1 sends 9 values for the mean (exchange 1) where 8 values"),
        "{}",
        results[0]
    );
    assert!(
        results[1].contains("rank 1 sends 9 values") || results[1].starts_with("rank 0 is gone"),
        "{}",
        results[1]
    );
}

#[test]
fn what_travels_elsewhere_is_agreed_on_first() {
    let results = together(3, |mut star| {
        star.agree(Kind::DeviceMean, 32).unwrap();
        star.agree(Kind::DeviceValues, 8).unwrap();
        // One has a tensor of another size.
        let error = star.agree(Kind::DeviceMean, if star.rank() == 1 { 36 } else { 32 }).unwrap_err();
        assert!(star.agree(Kind::DeviceMean, 32).is_err());
        error.to_string()
    });
    let words = "rank 1 sends 9 values for the mean (exchange 3) where 8 values";
    assert!(results[0].starts_with(words), "{}", results[0]);
    for told in &results[1..] {
        assert!(told.contains(words) || told.starts_with("rank 0 is gone"), "{told}");
    }

    let results = together(2, |mut star| {
        let kind = if star.rank() == 0 { Kind::DeviceMean } else { Kind::DeviceValues };
        star.agree(kind, 8).unwrap_err().to_string()
    });
    assert!(
        results[0].contains("sends 2 values of rank 0 (exchange 1) where 2 values for the mean"),
        "{}",
        results[0]
    );
}

#[test]
fn who_ends_before_an_agreement_is_noticed_by_all() {
    let results = together(3, |mut star| {
        star.any(false).unwrap();
        if star.rank() == 2 {
            return String::new();
        }
        star.agree(Kind::DeviceMean, 8).unwrap_err().to_string()
    });
    assert!(results[0].starts_with("rank 2 is gone"), "{}", results[0]);
    assert!(results[1].starts_with("rank 0 stopped: rank 2 is gone"), "{}", results[1]);
}

#[test]
fn looking_after_the_others_takes_nothing_from_them() {
    let (told, wait) = std::sync::mpsc::channel::<()>();
    let (told, wait) = (Mutex::new(Some(told)), Mutex::new(wait));
    together(2, |mut star| {
        star.check().unwrap();
        if star.rank() == 1 {
            // Ahead, with an exchange that rank 0 has not come to.
            let told = told.lock().unwrap().take().unwrap();
            star.links[0].write_bytes(Header { kind: Kind::Flag, number: 1, bytes: 1 }, &[1]).unwrap();
            drop(told);
            assert!(
                star.links[0].read_bytes(Header { kind: Kind::Flag, number: 1, bytes: 1 }, &mut [0]).is_ok()
            );
        } else {
            let _ = wait.lock().unwrap().recv();
            star.check().unwrap();
            assert!(star.any(false).unwrap());
        }
    });
}

#[test]
fn who_says_why_it_stops_is_heard_without_an_exchange() {
    let results = together(2, |mut star| {
        if star.rank() == 1 {
            star.fail("no memory");
            return star.check().unwrap_err().to_string();
        }
        loop {
            if let Err(error) = star.check() {
                return error.to_string();
            }
        }
    });
    assert_eq!(results, ["rank 1 stopped: no memory", "rank 1 stopped: no memory"]);
}

#[test]
fn who_is_silent_is_named() {
    let (listener, port) = listener();
    let (done, wait) = std::sync::mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            let star = join(1, 2, port, 1).unwrap();
            // Connected and silent until rank 0 has given up.
            let _ = wait.recv();
            drop(star);
        });
        let mut star = host(&listener, 2, &first(2), Timeouts { exchange: SHORT.exchange, ..LONG }).unwrap();
        let error = star.any(true).unwrap_err();
        assert!(matches!(error, ParallelError::Silent { rank: 1, .. }), "{error}");
        drop(done);
    });
}
