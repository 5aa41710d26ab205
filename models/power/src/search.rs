//! Runs of a program that saves, loses its power, and looks what is there when it is back.

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Arc, Mutex},
};

use turmoil::Builder;

use crate::{
    disk::{self, Failed},
    store::Disk,
};

/// Unless `POWER_SEEDS` says so.
const SEEDS: u64 = 500;
/// How often the power fails in one run.
const FAILURES: usize = 8;
/// How many saves there are before it, at most.
const SAVES: usize = 4;
/// More steps than one save takes.
const STEPS: usize = 8;

#[derive(Default)]
struct World {
    /// The newest that was to be saved.
    begun: u64,
    /// The newest that was reported saved, or was found after a failure.
    saved: u64,
    /// How many saves the power has cut.
    cut: usize,
    broken: Option<String>,
}

/// What is saved as `number`: of a length of its own, and longer than a block of the disk.
fn content(number: u64) -> Vec<u8> {
    let length = 1 + usize::try_from(number % 7).expect("small") * 300;
    number.to_le_bytes().repeat(length)
}

/// Boots, looks, and saves until the power fails, or often enough.
fn boot(world: &mut World, random: &mut fastrand::Rng) -> Result<(), String> {
    let disk = Disk::new("/data/tokens".into());
    let found = match disk.read().map_err(|error| format!("{error:?}"))? {
        None => 0,
        Some(bytes) => {
            let number = bytes.first_chunk().map(|chunk| u64::from_le_bytes(*chunk));
            number
                .filter(|number| **bytes == content(*number))
                .ok_or("it is neither old nor new")?
        }
    };
    if found < world.saved {
        return Err(format!("{found} is there, and {} was saved", world.saved));
    }
    if found > world.begun {
        return Err(format!("{found} was never written"));
    }
    world.saved = found;

    disk::fail_after(random.usize(..SAVES * STEPS));
    for _ in 0..SAVES {
        world.begun += 1;
        let number = world.begun;
        let save = AssertUnwindSafe(|| disk.write(&content(number)));
        match catch_unwind(save) {
            Ok(Ok(())) => world.saved = number,
            Ok(Err(error)) => return Err(format!("{error:?}")),
            Err(payload) if payload.is::<Failed>() => {
                world.cut += 1;
                break;
            }
            Err(payload) => std::panic::resume_unwind(payload),
        }
    }
    disk::fail_after(usize::MAX);
    Ok(())
}

/// Returns how many saves were cut; fails with what was lost.
fn run(seed: u64, twin: Option<&'static str>) -> Result<usize, String> {
    disk::choose(twin);
    let mut builder = Builder::new();
    builder.rng_seed(seed);
    // Half of the runs flush some by themselves, as disks do.
    let by_itself = if seed.is_multiple_of(2) { 0.0 } else { 0.3 };
    builder.fs().sync_probability(by_itself).block_size(512);
    let mut sim = builder.build();
    let world = Arc::new(Mutex::new(World::default()));
    let random = Arc::new(Mutex::new(fastrand::Rng::with_seed(seed)));
    sim.host("machine", {
        let world = Arc::clone(&world);
        move || {
            let (world, random) = (Arc::clone(&world), Arc::clone(&random));
            async move {
                let (mut world, mut random) = (world.lock().unwrap(), random.lock().unwrap());
                if !disk::fs::exists("/data") {
                    disk::fs::create_dir("/data")?;
                    disk::fs::sync_dir(Path::new("/"))?;
                }
                let booted = boot(&mut world, &mut random);
                world.broken = world.broken.take().or(booted.err());
                Ok(())
            }
        }
    });
    for _ in 0..=FAILURES {
        sim.step().map_err(|error| error.to_string())?;
        sim.crash("machine");
        sim.bounce("machine");
    }
    disk::choose(None);
    let world = world.lock().unwrap();
    match &world.broken {
        Some(broken) => Err(format!("seed {seed}: {broken}")),
        None => Ok(world.cut),
    }
}

fn seeds() -> u64 {
    env::var("POWER_SEEDS").map_or(SEEDS, |seeds| seeds.parse().expect("a number"))
}

#[test]
fn what_was_reported_saved_is_there_when_the_power_is_back() {
    let mut cut = 0;
    for seed in 0..seeds() {
        match run(seed, None) {
            Ok(saves) => cut += saves,
            Err(broken) => panic!("{broken}"),
        }
    }
    println!("{} seeds, {cut} saves cut by the power", seeds());
    assert!(cut as u64 > seeds(), "the power fails too seldom");
}

#[test]
fn twins_lose_what_was_saved() {
    for twin in [
        "the file is not flushed",
        "the directory is not flushed",
        "written in place",
    ] {
        let found = (0..SEEDS).find_map(|seed| run(seed, Some(twin)).err());
        assert!(found.is_some(), "{twin}: was not found");
        println!("{twin}: {}", found.unwrap_or_default());
    }
}
