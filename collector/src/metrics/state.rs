//! All streams: what came in, added up, within limits. It knows no clock, no disk and no log: points and times come in.

use std::collections::{HashMap, HashSet};
use std::mem::take;

use prost::Message;

use super::identity::{self, Head, Kind, Origin, Service, spilled_set};
use super::limits::{
    BYTES_MAX, HEAD_BYTES_MAX, METRICS_MAX, SERVICE_BYTES_MAX, SERVICES_MAX, SET_BYTES_MAX, SETS_MAX,
    SPILLED_BYTES_MAX, SPILLED_METRICS_MAX, STALE_MS,
};
use super::point::Point;

/// What an entry of a map costs beside what is in it.
const ENTRY_BYTES: usize = 100;

/// All streams.
#[derive(Default)]
pub struct State {
    services: HashMap<Service, OfService>,
    metrics: HashMap<u64, Metric>,
    next: u64,
    bytes: usize,
    streams: usize,
    changes: Changes,
    /// When what was stale was last looked for.
    swept_unix_ms: u64,
}

/// What a service has.
#[derive(Default)]
struct OfService {
    metrics: HashMap<Box<[u8]>, u64>,
    bytes: usize,
}

/// A metric and its streams.
pub struct Metric {
    pub service: Service,
    pub head: Head,
    /// What tells its resource from others of the service: what that calls itself, or a number of ours.
    pub instance: String,
    /// By their attributes' bytes.
    pub streams: HashMap<Box<[u8]>, Stream>,
    key: Box<[u8]>,
}

/// What was told of one set of attributes.
pub struct Stream {
    pub point: Point,
    /// When it was last heard of.
    pub seen_unix_ms: u64,
    /// The record that changed it last.
    pub changed: u64,
    /// It is among the changes.
    dirty: bool,
}

/// What is not on disk yet.
#[derive(Default)]
pub struct Changes {
    pub metrics: HashSet<u64>,
    pub streams: HashSet<(u64, Box<[u8]>)>,
}

/// When a point came.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// In which record.
    pub sequence: u64,
    /// In ms since 1970.
    pub received_unix_ms: u64,
}

/// What became of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in its stream.
    Kept,
    /// It is in the series of what is beyond a limit.
    Spilled,
    /// It is nowhere.
    Dropped(&'static str),
}

/// Where a metric's points go.
#[derive(Clone, Copy)]
pub enum Target {
    /// Into streams of their own.
    Metric(u64),
    /// Into one series with others.
    Spilled(u64),
    /// Nowhere.
    Dropped(&'static str),
}

impl State {
    /// The metric of a settled head, made where it is new.
    pub fn metric(&mut self, head: Head) -> Target {
        let key = head.key();
        if key.len() > HEAD_BYTES_MAX {
            return Target::Dropped("too_long");
        }
        let service = Service::of(&head.resource);
        let known = self.services.get(&service);
        if let Some(id) = known.and_then(|service| service.metrics.get(&*key)) {
            return Target::Metric(*id);
        }
        let room = match known {
            None => self.services.len() < SERVICES_MAX,
            Some(known) => known.metrics.len() < METRICS_MAX,
        };
        if room && self.has_room(&service, key.len() * 2 + ENTRY_BYTES) {
            return Target::Metric(self.insert(service, head, key));
        }
        match head.origin {
            Origin::Passed => Target::Dropped("full"),
            Origin::Summed => self.spilled_metric(service, &head),
        }
    }

    fn spilled_metric(&mut self, service: Service, head: &Head) -> Target {
        let service = if self.services.contains_key(&service) { service } else { Service::spilled() };
        let head = head.spilled(&service);
        let key = head.key();
        let of_service = self.services.get(&service);
        if let Some(id) = of_service.and_then(|of_service| of_service.metrics.get(&*key)) {
            return Target::Spilled(*id);
        }
        let count = of_service.map_or(0, |of_service| of_service.metrics.len());
        match count < METRICS_MAX + SPILLED_METRICS_MAX && self.bytes < SPILLED_BYTES_MAX {
            true => Target::Spilled(self.insert(service, head, key)),
            false => Target::Dropped("full"),
        }
    }

    fn insert(&mut self, service: Service, head: Head, key: Vec<u8>) -> u64 {
        let id = self.next;
        let instance = self.instance(&service, &head);
        self.restore_metric(id, service, head, instance, key);
        self.changes.metrics.insert(id);
        id
    }

    /// What calls itself nothing, or as another does, has a number of its own. It stays, whoever comes and goes.
    fn instance(&self, service: &Service, head: &Head) -> String {
        let said = identity::instance(&head.resource);
        let ids = self.services.get(service).into_iter().flat_map(|of_service| of_service.metrics.values());
        let mut taken = false;
        for known in ids.filter_map(|id| self.metrics.get(id)) {
            if identity::is_same_source(&known.head.resource, &head.resource) {
                return known.instance.clone();
            }
            taken |= known.instance == said;
        }
        match (taken, &*said) {
            (false, _) => said,
            (true, "") => identity::number(&head.resource),
            (true, said) => format!("{said}-{}", identity::number(&head.resource)),
        }
    }

    fn restore_metric(&mut self, id: u64, service: Service, head: Head, instance: String, key: Vec<u8>) {
        self.next = self.next.max(id + 1);
        let bytes = key.len() * 2 + ENTRY_BYTES;
        let key = key.into_boxed_slice();
        let of_service = self.services.entry(service.clone()).or_default();
        of_service.metrics.insert(key.clone(), id);
        of_service.bytes += bytes;
        self.bytes += bytes;
        self.metrics.insert(id, Metric { service, head, instance, streams: HashMap::new(), key });
    }

    /// Takes a point of a metric.
    pub fn point(&mut self, target: Target, set: Vec<u8>, point: Point, at: At) -> Outcome {
        let (id, mut spilled) = match target {
            Target::Metric(id) => (id, set.len() > SET_BYTES_MAX),
            Target::Spilled(id) => (id, true),
            Target::Dropped(reason) => return Outcome::Dropped(reason),
        };
        let Some(metric) = self.metrics.get(&id) else { return Outcome::Dropped("full") };
        let Some(point) = point.settle(metric.head.kind.rises(), at.received_unix_ms) else {
            return Outcome::Dropped("invalid");
        };
        let bytes = set.len() + point.bytes() + ENTRY_BYTES;
        let known = metric.streams.contains_key(&*set);
        spilled |= !known && (metric.streams.len() >= SETS_MAX || !self.has_room(&metric.service, bytes));
        let mut set = set;
        if spilled {
            if metric.head.origin == Origin::Passed {
                return Outcome::Dropped("full");
            }
            set = spilled_set();
            if !metric.streams.contains_key(&*set) && self.bytes >= SPILLED_BYTES_MAX {
                return Outcome::Dropped("full");
            }
        }
        self.put(id, set.into(), point, at);
        if spilled { Outcome::Spilled } else { Outcome::Kept }
    }

    fn put(&mut self, id: u64, set: Box<[u8]>, point: Point, at: At) {
        let metric = self.metrics.get_mut(&id).expect("it was just looked at");
        let (seen_unix_ms, changed) = (at.received_unix_ms, at.sequence);
        match metric.streams.get_mut(&set) {
            Some(stream) => {
                let later = point.times().1 >= stream.point.times().1;
                match metric.head.origin {
                    Origin::Summed => stream.point.add(point),
                    Origin::Passed if later => stream.point = point,
                    Origin::Passed => {}
                }
                (stream.seen_unix_ms, stream.changed) = (stream.seen_unix_ms.max(seen_unix_ms), changed);
                if !stream.dirty {
                    stream.dirty = true;
                    self.changes.streams.insert((id, set));
                }
            }
            None => {
                self.restore_stream(id, set.clone(), Stream { point, seen_unix_ms, changed, dirty: true });
                self.changes.streams.insert((id, set));
            }
        }
    }

    fn restore_stream(&mut self, id: u64, set: Box<[u8]>, stream: Stream) {
        let Some(metric) = self.metrics.get_mut(&id) else { return };
        let bytes = set.len() + stream.point.bytes() + ENTRY_BYTES;
        self.bytes += bytes;
        self.streams += 1;
        if let Some(of_service) = self.services.get_mut(&metric.service) {
            of_service.bytes += bytes;
        }
        metric.streams.insert(set, stream);
    }

    fn has_room(&self, service: &Service, bytes: usize) -> bool {
        let of_service = self.services.get(service).map_or(0, |of_service| of_service.bytes);
        of_service + bytes <= SERVICE_BYTES_MAX && self.bytes + bytes <= BYTES_MAX
    }

    /// Forgets what was not heard of for long. Looks once an hour: what came last says what time it is.
    pub fn sweep(&mut self, now_unix_ms: u64) {
        if now_unix_ms < self.swept_unix_ms.saturating_add(STALE_MS / 24) {
            return;
        }
        self.swept_unix_ms = now_unix_ms;
        let oldest = now_unix_ms.saturating_sub(STALE_MS);
        let mut gone = Vec::new();
        for (id, metric) in &mut self.metrics {
            let Some(of_service) = self.services.get_mut(&metric.service) else { continue };
            metric.streams.retain(|set, stream| {
                let stale = stream.seen_unix_ms < oldest;
                if stale {
                    let bytes = set.len() + stream.point.bytes() + ENTRY_BYTES;
                    self.bytes = self.bytes.saturating_sub(bytes);
                    of_service.bytes = of_service.bytes.saturating_sub(bytes);
                    self.streams -= 1;
                    self.changes.streams.insert((*id, set.clone()));
                }
                !stale
            });
            if metric.streams.is_empty() {
                gone.push(*id);
            }
        }
        for id in gone {
            let Some(metric) = self.metrics.remove(&id) else { continue };
            self.changes.metrics.insert(id);
            if let Some(of_service) = self.services.get_mut(&metric.service) {
                let bytes = metric.key.len() * 2 + ENTRY_BYTES;
                self.bytes = self.bytes.saturating_sub(bytes);
                of_service.bytes = of_service.bytes.saturating_sub(bytes);
                of_service.metrics.remove(&metric.key);
                if of_service.metrics.is_empty() {
                    self.services.remove(&metric.service);
                }
            }
        }
    }

    /// All metrics by their numbers, in the order in which they were first seen.
    pub fn metrics(&self) -> Vec<(u64, &Metric)> {
        let mut metrics: Vec<_> = self.metrics.iter().map(|(id, metric)| (*id, metric)).collect();
        metrics.sort_unstable_by_key(|(id, _)| *id);
        metrics
    }

    /// The metric of that number, if it is still there.
    pub fn get(&self, id: u64) -> Option<&Metric> {
        self.metrics.get(&id)
    }

    /// How many streams there are.
    pub fn streams(&self) -> usize {
        self.streams
    }

    /// Bytes in memory, roughly.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// A metric as it is kept; `None`: it is gone.
    ///
    /// ```text
    /// length of the instance u32 | instance | head
    /// ```
    pub fn encoded_metric(&self, id: u64) -> Option<Vec<u8>> {
        let metric = self.metrics.get(&id)?;
        let length = u32::try_from(metric.instance.len()).ok()?.to_le_bytes();
        Some([&length, metric.instance.as_bytes(), &metric.head.encode()].concat())
    }

    /// A stream as it is kept; `None`: it is gone.
    ///
    /// ```text
    /// last heard of, in ms since 1970, u64 | last change u64 | the data point
    /// ```
    pub fn encoded_stream(&self, id: u64, set: &[u8]) -> Option<Vec<u8>> {
        let stream = self.metrics.get(&id)?.streams.get(set)?;
        let mut out = [stream.seen_unix_ms.to_le_bytes(), stream.changed.to_le_bytes()].concat();
        let encoded = match &stream.point {
            Point::Number(point) => point.encode(&mut out),
            Point::Histogram(point) => point.encode(&mut out),
            Point::Exponential(point) => point.encode(&mut out),
        };
        encoded.expect("a vector takes everything");
        Some(out)
    }

    /// Puts back a metric that was kept. False: it cannot be read.
    pub fn decode_metric(&mut self, id: u64, bytes: &[u8]) -> bool {
        let Some((length, rest)) = bytes.split_first_chunk() else { return false };
        let Some((instance, head)) = rest.split_at_checked(u32::from_le_bytes(*length) as usize) else { return false };
        let (Some(head), Ok(instance)) = (Head::decode(head), str::from_utf8(instance)) else { return false };
        let (service, key) = (Service::of(&head.resource), head.key());
        self.restore_metric(id, service, head, instance.to_owned(), key);
        true
    }

    /// Puts back a stream that was kept, after its metric. False: it cannot be read.
    pub fn decode_stream(&mut self, id: u64, set: &[u8], bytes: &[u8]) -> bool {
        let number = |bytes: &[u8]| bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
        let (Some(metric), Some((times, point))) = (self.metrics.get(&id), bytes.split_at_checked(16)) else {
            return false;
        };
        let point = match metric.head.kind {
            Kind::Gauge | Kind::Sum { .. } => Message::decode(point).map(Point::Number),
            Kind::Histogram => Message::decode(point).map(Point::Histogram),
            Kind::Exponential => Message::decode(point).map(Point::Exponential),
        };
        let (Some(seen_unix_ms), Some(changed), Ok(point)) = (number(times), number(&times[8..]), point) else {
            return false;
        };
        self.restore_stream(id, set.into(), Stream { point, seen_unix_ms, changed, dirty: false });
        true
    }

    /// What changed since this was asked last.
    pub fn take_changes(&mut self) -> Changes {
        let changes = take(&mut self.changes);
        for (id, set) in &changes.streams {
            if let Some(stream) = self.metrics.get_mut(id).and_then(|metric| metric.streams.get_mut(set)) {
                stream.dirty = false;
            }
        }
        changes
    }

    /// All of it is to be kept once more.
    pub fn touch_all(&mut self) {
        self.changes.metrics.extend(self.metrics.keys());
        for (id, metric) in &mut self.metrics {
            for (set, stream) in &mut metric.streams {
                stream.dirty = true;
                self.changes.streams.insert((*id, set.clone()));
            }
        }
    }
}
