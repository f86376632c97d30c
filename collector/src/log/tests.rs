//! What is acknowledged is there, whatever happens to the disk. `WASPECT_LOG_CASES=100000` makes the campaigns longer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::simulated::{Faults, Simulated};
use super::store::OnFull;
use super::*;

/// Cases of a campaign unless the environment says otherwise.
const CASES: u64 = 1000;

const HOUR_MS: u64 = 60 * 60 * 1000;

fn cases() -> u64 {
    std::env::var("WASPECT_LOG_CASES").map_or(CASES, |count| count.parse().expect("a number"))
}

fn small_segments() -> Options {
    Options {
        segment_bytes: 2000,
        readers: BTreeMap::from([("reader".into(), OnFull::DropOldest)]),
        ..Options::default()
    }
}

fn open(disk: &Simulated, options: &Options) -> (Store, Opened) {
    Store::open(Arc::new(disk.clone()), options.clone()).expect("the disk works again")
}

fn read_all(store: &Store) -> Vec<(u64, Bytes)> {
    let mut reader = store.reader_at(0);
    std::iter::from_fn(|| reader.read().expect("the disk works"))
        .map(|record| (record.sequence, record.payload))
        .collect()
}

/// What a client knows: what it was told is safe, and what it was told is not or was never told of.
#[derive(Default)]
struct Ledger {
    acknowledged: BTreeMap<u64, Bytes>,
    refused: BTreeSet<Bytes>,
    next: u32,
}

impl Ledger {
    /// Payloads that exist once in the world.
    fn payloads(&mut self, random: &mut SmallRng) -> Vec<Bytes> {
        let count = random.random_range(1..6);
        let payload = |number: u32, random: &mut SmallRng| {
            let mut payload = number.to_le_bytes().to_vec();
            payload.resize(random.random_range(4..700), number as u8);
            payload.into()
        };
        let first = self.next;
        self.next += count;
        (first..first + count).map(|number| payload(number, random)).collect()
    }

    fn commit(&mut self, store: &mut Store, random: &mut SmallRng) -> bool {
        let payloads = self.payloads(random);
        match store.commit(&payloads, 0) {
            Ok(numbers) => self.acknowledged.extend(numbers.zip(payloads)),
            Err(_) => {
                self.refused.extend(payloads);
                return false;
            }
        }
        true
    }

    /// How many that were acknowledged are not there, or not as they were.
    fn lost(&self, found: &[(u64, Bytes)]) -> usize {
        let found: BTreeMap<_, _> = found.iter().cloned().collect();
        self.acknowledged.iter().filter(|(number, payload)| found.get(number) != Some(payload)).count()
    }

    /// All that was acknowledged is there, in order; what else there is was refused, and is there once.
    fn check(&self, found: &[(u64, Bytes)], case: u64) {
        assert!(found.windows(2).all(|pair| pair[0].0 < pair[1].0), "case {case}: in order, each number once");
        assert_eq!(self.lost(found), 0, "case {case}: of {} acknowledged", self.acknowledged.len());
        let mut others = BTreeSet::new();
        for (number, payload) in found.iter().filter(|(number, _)| !self.acknowledged.contains_key(number)) {
            assert!(self.refused.contains(payload), "case {case}: record {number} was never sent so");
            assert!(others.insert(payload), "case {case}: record {number} is there twice");
        }
    }
}

#[test]
fn no_power_cut_loses_what_was_acknowledged() {
    let (mut acknowledged, mut cuts) = (0, 0);
    for case in 0..cases() {
        let mut random = SmallRng::seed_from_u64(case);
        let disk = Simulated::new(case);
        let mut ledger = Ledger::default();
        let mut position = 0;
        for _life in 0..4 {
            let (mut store, opened) = open(&disk, &small_segments());
            assert!(!opened.positions_damaged, "case {case}: positions are whole or old");
            let found = read_all(&store);
            ledger.check(&found, case);
            // Half of the lives have a bad disk, too.
            disk.fail(Faults {
                power: Some(random.random_range(0..60)),
                one_in: if random.random() { 6 } else { 0 },
                ..Faults::default()
            });
            let mut reader = store.reader("reader");
            assert!(reader.position() >= position, "case {case}: a position that was kept is not forgotten");
            for _ in 0..random.random_range(0..25) {
                ledger.commit(&mut store, &mut random);
                if let Ok(Some(record)) = reader.read() {
                    assert!(ledger.acknowledged.contains_key(&record.sequence) || record.sequence < store.end());
                }
                if random.random_ratio(1, 5) && store.keep_positions([("reader".into(), reader.position())]).is_ok() {
                    position = reader.position();
                }
            }
            match random.random_ratio(1, 4) {
                // The process alone ends: what the system has stays.
                true => disk.fail(Faults::default()),
                false => {
                    disk.cut_power();
                    cuts += 1;
                }
            }
        }
        let (store, _) = open(&disk, &small_segments());
        ledger.check(&read_all(&store), case);
        acknowledged += ledger.acknowledged.len();
    }
    println!("{cuts} power cuts, {acknowledged} records acknowledged, 0 lost");
    assert!(acknowledged as u64 > cases() * 20, "most commits succeed: {acknowledged}");
}

#[test]
fn the_simulated_power_cut_shows_what_was_not_synced() {
    let lost = (0..20).map(|case| {
        let mut random = SmallRng::seed_from_u64(case);
        let disk = Simulated::new(case);
        let mut ledger = Ledger::default();
        disk.fail(Faults { lies: true, ..Faults::default() });
        let (mut store, _) = open(&disk, &small_segments());
        for _ in 0..10 {
            assert!(ledger.commit(&mut store, &mut random));
        }
        drop(store);
        disk.cut_power();
        ledger.lost(&read_all(&open(&disk, &small_segments()).0))
    });
    assert!(lost.filter(|lost| *lost > 0).count() >= 15, "a disk that does not sync is found out");
}

#[test]
fn damage_costs_the_records_that_it_hits_and_is_counted() {
    let (mut lost, mut kept) = (0, 0);
    for case in 0..cases() {
        let mut random = SmallRng::seed_from_u64(case);
        let disk = Simulated::new(case);
        let mut ledger = Ledger::default();
        let (mut store, _) = open(&disk, &small_segments());
        for _ in 0..20 {
            assert!(ledger.commit(&mut store, &mut random));
        }
        store.keep_positions([]).unwrap();
        drop(store);

        let segments: Vec<_> = disk.names().unwrap().into_iter().filter(|name| name.ends_with(".log")).collect();
        let damages = random.random_range(1..4);
        let mut cut = 0;
        for _ in 0..damages {
            let name = &segments[random.random_range(0..segments.len())];
            disk.damage(name, |bytes| match random.random_ratio(1, 4) || bytes.is_empty() {
                true => {
                    let length = random.random_range(0..=bytes.len());
                    // Every record has at least its header.
                    cut += (bytes.len() - length) / record::HEADER_BYTES + 1;
                    bytes.truncate(length);
                }
                false => {
                    let at = random.random_range(0..bytes.len());
                    bytes[at] ^= 1 << random.random_range(0..8);
                }
            });
        }

        let report = check(&(Arc::new(disk.clone()) as Arc<dyn Disk>)).unwrap();
        let (mut store, opened) = open(&disk, &small_segments());
        let mut reader = store.reader_at(0);
        let mut found = BTreeMap::new();
        while let Some(record) = reader.read().unwrap() {
            found.insert(record.sequence, record.payload);
        }
        assert!(found.iter().all(|(number, payload)| ledger.acknowledged[number] == *payload), "case {case}");
        let missing = ledger.acknowledged.len() - found.len();
        assert!(missing <= damages + cut, "case {case}: {missing} are gone for {damages} damages");
        assert_eq!(reader.damaged(), missing as u64, "case {case}: every loss is counted");
        assert_eq!((report.damaged, report.records), (missing as u64, found.len() as u64), "case {case}");
        assert!(opened.lost <= missing as u64, "case {case}");

        // And it goes on, with numbers of its own.
        let number = store.commit(&[b"after"], 0).unwrap().start;
        assert_eq!(number, ledger.acknowledged.len() as u64, "case {case}");
        assert_eq!(read_all(&store).last(), Some(&(number, Bytes::from_static(b"after"))), "case {case}");
        (lost, kept) = (lost + missing, kept + found.len());
    }
    println!("{} damaged stores, {lost} records lost and counted, {kept} kept", cases());
    assert!(lost > 0 && kept > lost);
}

#[test]
fn a_full_disk_takes_nothing_and_works_again_when_there_is_room() {
    let disk = Simulated::new(1);
    let mut random = SmallRng::seed_from_u64(1);
    let mut ledger = Ledger::default();
    let (mut store, _) = open(&disk, &small_segments());
    disk.fail(Faults { capacity: Some(10_000), ..Faults::default() });
    while ledger.commit(&mut store, &mut random) {}
    for _ in 0..50 {
        ledger.commit(&mut store, &mut random);
    }
    let files = disk.names().unwrap().len();
    assert!(files < 15, "failed attempts leave no files behind: {files}");
    ledger.check(&read_all(&store), 0);

    disk.fail(Faults::default());
    assert!(ledger.commit(&mut store, &mut random), "the first attempt with room succeeds");
    ledger.check(&read_all(&store), 0);
    assert_eq!(read_all(&store).len(), ledger.acknowledged.len(), "what was refused is not there");
}

#[test]
fn after_a_failed_sync_a_new_segment_begins_and_the_refused_do_not_count() {
    let disk = Simulated::new(1);
    let options = Options { segment_bytes: 1 << 20, ..Options::default() };
    let (mut store, _) = open(&disk, &options);
    store.commit(&[b"safe"], 0).unwrap();
    // The append is the first operation, the sync the second.
    disk.fail(Faults { power: Some(1), ..Faults::default() });
    assert!(matches!(store.commit(&[b"refused"], 0), Err(CommitError::Disk(_))));
    disk.fail(Faults::default());
    assert_eq!(store.commit(&[b"next"], 0).unwrap(), 1..2);
    assert_eq!(disk.names().unwrap().iter().filter(|name| name.ends_with(".log")).count(), 2);

    let expected = [(0, Bytes::from_static(b"safe")), (1, Bytes::from_static(b"next"))];
    assert_eq!(read_all(&store), expected);
    assert_eq!(read_all(&open(&disk, &options).0), expected);
}

#[test]
fn the_oldest_go_when_it_is_too_much_or_too_old() {
    let disk = Simulated::new(1);
    let options = Options { segment_bytes: 1000, bytes_max: 5000, ..small_segments() };
    let (mut store, _) = open(&disk, &options);
    let mut reader = store.reader("reader");
    for number in 0..100_u8 {
        store.commit(&[[number; 100]], 0).unwrap();
        assert!(store.bytes() <= 5000 + 1124, "{}", store.bytes());
    }
    let found = read_all(&store);
    assert!((30..50).contains(&found.len()), "{}", found.len());
    assert_eq!(found.last().map(|(number, payload)| (*number, payload[0])), Some((99, 99)));
    assert_eq!(reader.read().unwrap().map(|record| record.sequence), Some(found[0].0));
    assert_eq!((reader.expired(), reader.damaged()), (found[0].0, 0), "what went before it was read is counted");

    store.expire(23 * HOUR_MS).unwrap();
    assert_eq!(read_all(&store).len(), found.len(), "nothing is a day old");
    store.expire(28 * HOUR_MS).unwrap();
    assert_eq!(read_all(&store), []);
    drop(store);
    let (mut store, opened) = open(&disk, &options);
    assert_eq!((opened.segments, opened.lost), (0, 0));
    assert_eq!(store.commit(&[b"x"], 28 * HOUR_MS).unwrap(), 100..101, "numbers are never used again");
}

#[test]
fn a_reader_that_must_not_lose_anything_holds_the_log() {
    let disk = Simulated::new(1);
    let readers = BTreeMap::from([("slow".into(), OnFull::Refuse), ("other".into(), OnFull::DropOldest)]);
    let options = Options { segment_bytes: 1000, bytes_max: 3000, readers, ..Options::default() };
    let (mut store, _) = open(&disk, &options);
    let refused = (0..100).find(|_| matches!(store.commit(&[[7; 100]], 0), Err(CommitError::Full { .. })));
    let accepted = refused.expect("it is full at last");
    let error = store.commit(&[[7; 100]], 0).unwrap_err().to_string();
    assert_eq!(error, "the log is full and `slow` has not read its oldest records");
    store.expire(100 * HOUR_MS).expect_err("age does not help");
    assert_eq!(read_all(&store).len(), accepted);

    store.keep_positions([("slow".into(), 20)]).unwrap();
    assert_eq!(store.commit(&[[8; 100]], 0).unwrap().start, accepted as u64, "it reads on, and there is room");
    assert!(read_all(&store)[0].0 > 0);
}

#[test]
fn positions_survive_a_restart_and_their_loss_costs_only_duplicates() {
    let disk = Simulated::new(1);
    let (mut store, _) = open(&disk, &small_segments());
    store.commit(&[b"a", b"b", b"c"], 0).unwrap();
    store.keep_positions([("reader".into(), 2), ("gone".into(), 1)]).unwrap();
    let (mut store, _) = open(&disk, &small_segments());
    assert_eq!((store.reader("reader").position(), store.reader("new").position()), (2, 0));
    store.keep_positions([]).unwrap();
    disk.damage("positions", |bytes| bytes[40] ^= 1);
    let (store, opened) = open(&disk, &small_segments());
    assert!(opened.positions_damaged);
    assert_eq!(store.reader("reader").position(), 0);
}

#[test]
fn two_processes_cannot_have_one_directory() {
    let directory = tempfile::tempdir().unwrap();
    let first = Directory::open(directory.path()).unwrap();
    assert_eq!(Directory::open(directory.path()).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    drop(first);
    Directory::open(directory.path()).unwrap();
}

#[tokio::test]
async fn many_append_at_once_and_all_of_it_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { segment_bytes: 100_000, ..Options::default() };
    let opened = |options: &Options| {
        let disk = Arc::new(Directory::open(directory.path()).unwrap());
        Store::open(disk, options.clone()).unwrap()
    };
    let log = Log::start(opened(&options).0, 1 << 20).unwrap();
    let appends: Vec<_> = (0..1000_u32)
        .map(|number| {
            let log = log.clone();
            tokio::spawn(async move { (log.append(number.to_le_bytes().to_vec().into()).await.unwrap(), number) })
        })
        .collect();
    let mut acknowledged = BTreeMap::new();
    for append in appends {
        let (sequence, number) = append.await.unwrap();
        assert!(acknowledged.insert(sequence, number).is_none());
    }
    let commits = log.counters().commits.load(std::sync::atomic::Ordering::Relaxed);
    assert!(commits < 1000, "appends share commits: {commits}");
    assert_eq!(*log.end().borrow(), 1000);
    log.close().await.unwrap();
    assert_eq!(log.append(Bytes::new()).await, Err(AppendError::Closed));
    drop(log);

    let (store, _) = opened(&options);
    let found: BTreeMap<_, _> = read_all(&store).into_iter().collect();
    assert_eq!(found.len(), 1000);
    assert!(acknowledged.iter().all(|(sequence, number)| found[sequence][..] == number.to_le_bytes()));
}

#[tokio::test]
async fn what_waits_for_the_disk_is_bounded() {
    let disk = Simulated::new(1);
    let log = Log::start(open(&disk, &Options::default()).0, 100).unwrap();
    assert_eq!(log.append(vec![0; 101].into()).await, Err(AppendError::Busy));
    assert_eq!(log.append(vec![0; 100].into()).await, Ok(0));
    disk.fail(Faults { capacity: Some(0), ..Faults::default() });
    assert!(matches!(log.append(vec![0; 100].into()).await, Err(AppendError::Disk(_))));
    assert!(log.error().is_some());
    disk.fail(Faults::default());
    // What waited gives its room back.
    assert_eq!(tokio::time::timeout(Duration::from_secs(10), log.append(vec![0; 100].into())).await, Ok(Ok(1)));
    assert_eq!(log.error(), None);
}
