use std::collections::HashSet;
use std::sync::Arc;
use std::thread::ThreadId;

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::*;

fn pool(threads: usize) -> ThreadPool {
    ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

/// Runs `steps` of so many units each, and checks that each was done once and that nobody began a step before the last ended.
fn check(pool: &ThreadPool, crew: &mut Crew, steps: &[usize], unit: impl Fn(usize) + Sync) {
    let done: Vec<Vec<AtomicUsize>> =
        steps.iter().map(|&n| (0..n).map(|_| AtomicUsize::new(0)).collect()).collect();
    let threads = crew.threads();
    pool.install(|| {
        crew.run(|lead| {
            for (i, step) in done.iter().enumerate() {
                let places: Vec<AtomicBool> = (0..threads).map(|_| AtomicBool::new(false)).collect();
                lead.share(step.len(), &|unit| 1 + unit % 3, &|number, place| {
                    assert!(!places[place].swap(true, Ordering::SeqCst), "two at a time in one place");
                    step[number].fetch_add(1, Ordering::Relaxed);
                    unit(number);
                    let before = done[..i].iter().flatten();
                    assert!(before.into_iter().all(|n| n.load(Ordering::Relaxed) == 1));
                    places[place].store(false, Ordering::SeqCst);
                });
            }
        });
    });
    assert!(done.iter().flatten().all(|n| n.load(Ordering::Relaxed) == 1));
}

const STEPS: [usize; 12] = [5, 1, 0, 16, 2, 3, 1, 1, 64, 7, 2, 31];

#[test]
fn every_unit_is_done_once_and_steps_follow_one_another() {
    for (in_pool, in_crew) in [(1, 1), (1, 4), (2, 2), (4, 2), (2, 3), (4, 4), (8, 8), (16, 16)] {
        let (pool, mut crew) = (pool(in_pool), Crew::new(in_crew));
        for _ in 0..20 {
            check(&pool, &mut crew, &STEPS, |_| {});
        }
    }
}

#[test]
fn threads_that_sleep_are_woken() {
    let (pool, mut crew) = (pool(4), Crew::new(4));
    let slow = |unit: usize| {
        if unit == 0 {
            // Longer than anybody stays awake.
            std::thread::sleep(4 * SPIN);
        }
    };
    for _ in 0..10 {
        check(&pool, &mut crew, &STEPS, slow);
    }
}

#[test]
fn several_threads_work() {
    let (pool, mut crew) = (pool(3), Crew::new(3));
    let seen: Mutex<HashSet<ThreadId>> = Mutex::new(HashSet::new());
    pool.install(|| {
        crew.run(|lead| {
            // Each of the first three units waits until three threads have come: one alone could not go on.
            lead.share(3, &|_| 1, &|_, _| {
                lock(&seen).insert(std::thread::current().id());
                while lock(&seen).len() < 3 {
                    std::thread::yield_now();
                }
            });
        });
    });
    assert_eq!(seen.into_inner().unwrap().len(), 3);
}

/// One crew after the other leads in a pool whose threads are all busy with something that ends only later.
#[test]
fn a_lead_needs_nobody() {
    let pool = Arc::new(pool(2));
    let held = Arc::new((Mutex::new(true), Condvar::new()));
    let busy = {
        let held = Arc::clone(&held);
        let (started, start) = std::sync::mpsc::channel();
        pool.spawn(move || {
            started.send(()).unwrap();
            let guard = held.0.lock().unwrap();
            drop(held.1.wait_while(guard, |held| *held).unwrap());
        });
        start
    };
    busy.recv().unwrap();
    for _ in 0..20 {
        check(&pool, &mut Crew::new(2), &STEPS, |_| {});
    }
    *held.0.lock().unwrap() = false;
    held.1.notify_all();
}

#[test]
fn crews_share_a_pool() {
    let pool = pool(2);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut crew = Crew::new(2);
                (0..20).for_each(|_| check(&pool, &mut crew, &STEPS, |_| {}));
            });
        }
    });
}

/// Units that use the pool themselves may come upon the crew's own jobs there, or another's.
#[test]
fn units_may_use_the_pool() {
    let (pool, mut crew) = (pool(4), Crew::new(4));
    for _ in 0..20 {
        check(&pool, &mut crew, &STEPS, |_| {
            rayon::join(std::thread::yield_now, std::thread::yield_now);
        });
    }
    let mut outer = Crew::new(4);
    let inner = Mutex::new(Crew::new(4));
    let sum = AtomicUsize::new(0);
    pool.install(|| {
        outer.run(|lead| {
            lead.share(8, &|_| 1, &|_, _| {
                lock(&inner).run(|lead| {
                    lead.share(5, &|_| 1, &|unit, _| {
                        sum.fetch_add(unit, Ordering::Relaxed);
                    });
                });
            });
        });
    });
    assert_eq!(sum.into_inner(), 8 * 10);
}

#[test]
fn a_panic_comes_out_and_the_crew_goes_on() {
    for threads in [1, 2, 4] {
        let (pool, mut crew) = (pool(threads), Crew::new(threads));
        for guilty in [0, 5, 15] {
            let after = AtomicBool::new(false);
            let run = AssertUnwindSafe(|| {
                pool.install(|| {
                    crew.run(|lead| {
                        lead.share(16, &|_| 1, &|unit, _| assert_ne!(unit, guilty, "this one"));
                        after.store(true, Ordering::Relaxed);
                    });
                });
            });
            let payload = catch_unwind(run).unwrap_err();
            assert!(payload.downcast_ref::<String>().unwrap().contains("this one"));
            assert!(!after.into_inner());
            check(&pool, &mut crew, &STEPS, |_| {});
        }
    }
}

#[test]
fn a_lead_that_panics_lets_followers_go() {
    let (pool, mut crew) = (pool(4), Crew::new(4));
    let run = AssertUnwindSafe(|| {
        pool.install(|| {
            crew.run(|lead| {
                lead.share(16, &|_| 1, &|_, _| {});
                panic!("between steps");
            });
        });
    });
    let payload = catch_unwind(run).unwrap_err();
    assert_eq!(*payload.downcast_ref::<&str>().unwrap(), "between steps");
    check(&pool, &mut crew, &STEPS, |_| {});
}

#[test]
fn shares_are_as_large_as_costs_allow() {
    // With two threads and the costs of seven vectors in twos, in two groups.
    let costs = [2, 2, 2, 2, 2, 2, 1, 1];
    let (pool, mut crew) = (pool(2), Crew::new(2));
    let first = Mutex::new([None; 2]);
    pool.install(|| {
        crew.run(|lead| {
            lead.share(8, &|unit| costs[unit], &|unit, place| {
                // Both have begun before anybody goes on.
                lock(&first)[place].get_or_insert(unit);
                while lock(&first).iter().any(Option::is_none) {
                    std::thread::yield_now();
                }
            });
        });
    });
    assert_eq!(first.into_inner().unwrap(), [Some(0), Some(3)]);
}
