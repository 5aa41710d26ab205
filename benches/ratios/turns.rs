//! Contestants that take turns.

use std::time::{Duration, Instant};

/// How many windows each contestant has.
const WINDOWS: usize = 100;
/// How long a window lasts, about.
const WINDOW: Duration = Duration::from_millis(4);

/// A contestant: does its work so many times.
pub(crate) type Contestant<'a> = Box<dyn FnMut(u64) -> Duration + 'a>;

/// Makes a contestant of one piece of work on one thread.
pub(crate) fn single<'a>(mut work: impl FnMut() + 'a) -> Contestant<'a> {
    Box::new(move |times| {
        let begun = Instant::now();
        for _ in 0..times {
            work();
        }
        begun.elapsed()
    })
}

/// Returns the median time of one piece of work of each contestant, in nanoseconds.
pub(crate) fn take<const N: usize>(mut contestants: [Contestant<'_>; N]) -> [f64; N] {
    let times = contestants.each_mut().map(calibrate);
    let mut windows = [const { Vec::new() }; N];
    for window in 0..WINDOWS {
        for turn in 0..N {
            // Nobody always comes after the same one.
            let turn = (turn + window) % N;
            let took = contestants[turn](times[turn]);
            windows[turn].push(took.as_secs_f64() * 1e9 / times[turn] as f64);
        }
    }
    windows.map(median)
}

/// Returns how often the work is done in a window.
fn calibrate(contestant: &mut Contestant<'_>) -> u64 {
    let mut times = 1;
    loop {
        let took = contestant(times);
        if took >= WINDOW / 2 || times >= 1 << 24 {
            let more = WINDOW.as_secs_f64() / took.as_secs_f64().max(1e-9);
            return ((times as f64 * more) as u64).max(1);
        }
        times *= 2;
    }
}

fn median(mut windows: Vec<f64>) -> f64 {
    windows.sort_by(f64::total_cmp);
    windows[windows.len() / 2]
}
