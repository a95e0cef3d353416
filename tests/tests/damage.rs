//! A damaged data file: the engine rejects it and leaves it unchanged, or detects the damage on read. No reader ever gets
//! anything other than what was written.
//!
//! `DAMAGE_SEED` repeats a run.
#![allow(clippy::print_stderr, reason = "the seed of a failure is for people")]

use std::fs;
use std::path::Path;

use logistics_core::audit::{self, AuditError, Expect, Report};
use logistics_core::port::PortErrorKind;
use logistics_embedded::{Config, EmbeddedError, Engine};
use logistics_testkit::Rng;
use logistics_tests::engine::{PATIENCE, place, processors, seed};

const DATA_FILE: &str = "logistics.redb";
const ORDERS: usize = 300;
const PARTITIONS: u32 = 2;
const DAMAGES: u32 = 150;

fn config(directory: &Path) -> Config {
    Config { partitions: Some(PARTITIONS), ..Config::new(directory) }
}

/// Fills a directory with orders; returns the contents of its file and the counts of the audit.
async fn written(directory: &Path) -> (Vec<u8>, Report) {
    let engine = Engine::open(config(directory)).expect("a new data file");
    let processors = processors(&engine, 0);
    for n in 0..ORDERS {
        place(&engine, n).await.expect("the log takes it");
    }
    loop {
        let report = audited(&engine).await.expect("every invariant holds");
        if report.terminal_orders == ORDERS as u64 && report.unanswered == 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(processors.drain(PATIENCE).await.is_clean());
    let report = audited(&engine).await.expect("every invariant holds");
    engine.close().expect("the engine closes");
    (fs::read(directory.join(DATA_FILE)).expect("the data file"), report)
}

async fn audited(engine: &Engine) -> Result<Report, AuditError> {
    audit::run(engine.bus().as_ref(), engine.store().as_ref(), Expect::InMotion).await
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_refused_or_found_and_never_shown() {
    let seed = seed("DAMAGE_SEED");
    eprintln!("DAMAGE_SEED={seed}");
    let mut rng = Rng::new(seed);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (whole, report) = written(directory.path()).await;
    let file = directory.path().join(DATA_FILE);
    let (mut refused, mut found, mut harmless) = (0, 0, 0);
    for damage in 0..DAMAGES {
        let damaged = damaged(&whole, &mut rng);
        fs::write(&file, &damaged).expect("the file can be written");
        match Engine::open(config(directory.path())) {
            Err(error) => {
                refused += 1;
                assert!(
                    matches!(error, EmbeddedError::Damaged { .. } | EmbeddedError::Format { .. }),
                    "{damage}: {error:?}"
                );
                assert!(
                    fs::read(&file).expect("the file") == damaged,
                    "{damage}: a refused file was changed"
                );
            }
            Ok(engine) => {
                match audited(&engine).await {
                    Ok(shown) => {
                        harmless += 1;
                        assert_eq!(shown, report, "{damage}: the audit has other counts");
                    }
                    Err(AuditError::Port(error)) => {
                        found += 1;
                        assert_eq!(error.kind(), PortErrorKind::Corrupt, "{damage}: {error}");
                        assert!(error.to_string().contains("restore it from a backup"), "{damage}: {error}");
                    }
                    Err(other) => panic!("{damage}: {other}"),
                }
                let _ = engine.close();
            }
        }
    }
    eprintln!("{refused} refused, {found} found when read, {harmless} where nothing stands");
    assert!(refused > 0 && refused + found > harmless / 4, "too little of the damage was detected");
}

/// A file with a few wrong bytes, a page of zeros, or a missing end.
fn damaged(whole: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    let place = |rng: &mut Rng, length: usize| usize::try_from(rng.below(length as u64)).unwrap_or_default();
    match rng.below(3) {
        0 => {
            for _ in 0..=rng.below(8) {
                let at = place(rng, bytes.len());
                bytes[at] ^= 1 << rng.below(8);
            }
        }
        1 => {
            let page = place(rng, bytes.len()) / 4096 * 4096;
            let end = (page + 4096).min(bytes.len());
            bytes[page..end].fill(0);
        }
        _ => bytes.truncate(place(rng, whole.len())),
    }
    bytes
}

#[test]
fn a_foreign_file_is_refused_and_unchanged() {
    for foreign in [&b""[..], b"x", b"this is a text of another program", &[0; 100_000]] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join(DATA_FILE);
        fs::write(&file, foreign).expect("the file can be written");
        let error = Engine::open(config(directory.path())).expect_err("it is no data file");
        assert!(error.to_string().contains("damaged, or is no data file"), "{error}");
        assert_eq!(fs::read(&file).expect("the file"), foreign);
    }
}

#[test]
fn another_partition_count_is_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    Engine::open(config(directory.path())).expect("a new data file").close().expect("it closes");
    let file = directory.path().join(DATA_FILE);
    let made = fs::read(&file).expect("the file");
    let other = Config { partitions: Some(PARTITIONS + 1), ..Config::new(directory.path()) };
    let error = Engine::open(other).expect_err("it was made with another number");
    assert!(error.to_string().contains("configure 2"), "{error}");
    assert!(fs::read(&file).expect("the file") == made, "a refused file was changed");
    let engine = Engine::open(Config::new(directory.path())).expect("the file says how many there are");
    assert_eq!(engine.partitions(), PARTITIONS);
    engine.close().expect("it closes");
}

#[test]
fn a_directory_in_use_is_refused() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let engine = Engine::open(config(directory.path())).expect("a new data file");
    let error = Engine::open(config(directory.path())).expect_err("it is in use");
    assert!(error.to_string().contains("in use by another process"), "{error}");
    engine.close().expect("it closes");
    Engine::open(config(directory.path())).expect("it is free again").close().expect("it closes");
}
