//! Manifests on a disk that is as bad as one may be, and names in bytes that are.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use waspect_abi::manifest::{Function, Kind};
use waspect_abi::semconv::attribute;
use waspect_abi::{BuildId, Manifest};

use super::check::Unusable;
use super::namer::Called;
use super::shelf::{Entry, MANIFESTS_MAX, Shelf};
use super::*;
use crate::log::simulated::{Faults, Simulated};
use crate::otlp::{Signal, inspect, samples};

const BUILD: u64 = 0x0123_4567_89ab_cdef;

/// Function 7 is `parse` in a file, 2 an import, 9 has no name.
fn manifest(build: u64) -> Manifest {
    let function = |index, name: &str, kind| Function { index, name: name.into(), kind, ..Function::default() };
    Manifest {
        build,
        name: "shop.wasm".into(),
        function_count: 10,
        functions: vec![
            function(2, "fd_write", Kind::Import as i32),
            Function { file: 1, line: 12, ..function(7, "parse", 0) },
            function(8, "parse", 0),
            function(9, "", 0),
        ],
        files: vec!["src/lib.rs".into()],
        ..Manifest::default()
    }
}

fn put(manifests: &Manifests, manifest: &Manifest) -> io::Result<Put> {
    manifests.put(manifest, &manifest.encode_bytes())
}

fn open(disk: &Simulated) -> (Manifests, u64) {
    Manifests::open(Arc::new(disk.clone())).unwrap()
}

fn with(manifest: &Manifest) -> Manifests {
    let (manifests, _) = open(&Simulated::new(0));
    put(&manifests, manifest).unwrap();
    manifests
}

#[test]
fn what_was_acknowledged_survives_power_cuts_and_the_rest_is_old_or_new() {
    let (mut cuts, mut lost) = (0, 0);
    for seed in 0..300 {
        let disk = Simulated::new(seed);
        let mut acknowledged = std::collections::BTreeMap::new();
        disk.fail(Faults { power: Some(SmallRng::seed_from_u64(seed).random_range(0..60)), ..Faults::default() });
        let mut tried = (0, 0);
        if let Ok((manifests, _)) = Manifests::open(Arc::new(disk.clone())) {
            for number in 0..12 {
                let (build, version) = (number % 4, number);
                tried = (build, version);
                let named = Manifest { name: format!("version {version}"), ..manifest(build) };
                if put(&manifests, &named).is_err() {
                    cuts += 1;
                    break;
                }
                acknowledged.insert(build, version);
            }
        }
        disk.cut_power();
        let (manifests, damaged) = open(&disk);
        assert_eq!(damaged, 0, "seed {seed}");
        for (build, version) in acknowledged {
            let found = manifests.find(BuildId(build)).map(|manifest| manifest.name.clone());
            let newer = (tried.0 == build).then(|| format!("version {}", tried.1));
            assert!(found == Some(format!("version {version}")) || found == newer, "seed {seed}: {found:?}");
        }
        lost += u64::from(manifests.is_empty());
    }
    assert!(cuts > 200 && lost > 10, "{cuts} cuts, {lost} before anything was kept");
}

#[test]
fn a_disk_that_is_full_or_fails_is_an_error_and_changes_nothing() {
    let disk = Simulated::new(1);
    let (manifests, _) = open(&disk);
    assert_eq!(put(&manifests, &manifest(1)).unwrap(), Put::New);
    let other = Manifest { name: "other".into(), ..manifest(1) };
    for faults in [Faults { capacity: Some(0), ..Faults::default() }, Faults { one_in: 1, ..Faults::default() }] {
        disk.fail(faults);
        assert!(put(&manifests, &other).is_err() && put(&manifests, &manifest(2)).is_err());
        disk.fail(Faults::default());
        assert_eq!(manifests.find(BuildId(1)).unwrap().name, "shop.wasm");
        assert_eq!(manifests.list().len(), 1);
    }
    assert_eq!(put(&manifests, &other).unwrap(), Put::Replaced);
    assert_eq!(manifests.find(BuildId(1)).unwrap().name, "other");
    assert_eq!(manifests.bytes(BuildId(1)).unwrap(), Some(other.encode_bytes()));
}

#[test]
fn damage_costs_the_manifest_that_it_hits_and_is_counted() {
    let mut random = SmallRng::seed_from_u64(3);
    for _ in 0..300 {
        let disk = Simulated::new(0);
        let (manifests, _) = open(&disk);
        for build in 1..=3 {
            put(&manifests, &manifest(build)).unwrap();
        }
        disk.damage("manifest-0000000000000002", |bytes| match random.random_range(0..3) {
            0 => bytes.truncate(random.random_range(0..bytes.len())),
            1 => {
                let at = random.random_range(0..bytes.len());
                bytes[at] ^= random.random_range(1..=255);
            }
            _ => bytes.fill(random.random()),
        });
        // One that was read before is in memory: what is found now was not.
        assert_eq!(manifests.find(BuildId(2)), None);
        let (manifests, damaged) = open(&disk);
        assert_eq!(damaged, 1);
        let found: Vec<bool> = (1..=3).map(|build| manifests.find(BuildId(build)).is_some()).collect();
        assert_eq!(found, [true, false, true]);
        let found = survey(&disk).unwrap();
        assert_eq!((found.manifests, found.damaged), (2, 1));
        put(&manifests, &manifest(2)).unwrap();
        assert_eq!(survey(&disk).unwrap().damaged, 0, "it can be sent again");
    }
}

#[test]
fn when_there_is_no_room_the_one_goes_that_was_of_no_use_for_longest() {
    let entry = |build, bytes, pushed_unix_ms| Entry {
        build: BuildId(build),
        module: String::new(),
        functions: 0,
        bytes,
        pushed_unix_ms,
        used_unix_ms: 0,
    };
    let mut shelf = Shelf::default();
    for build in 0..MANIFESTS_MAX as u64 {
        shelf.put(entry(build, 1, build));
    }
    assert!(shelf.used(BuildId(0), 9_000_000) && !shelf.used(BuildId(5000), 1));
    shelf.put(entry(5000, 1, 5000));
    assert_eq!(shelf.make_room(BuildId(5000)), [BuildId(1)], "0 is of use, 2 is younger");
    shelf.put(entry(5001, 256 << 20, 5001));
    assert_eq!(shelf.make_room(BuildId(5001)).len(), MANIFESTS_MAX, "one that takes all the room is alone");
    assert!(shelf.has(BuildId(5001)));
}

#[test]
fn the_order_in_which_they_go_survives_a_restart() {
    let disk = Simulated::new(0);
    let (manifests, _) = open(&disk);
    put(&manifests, &manifest(1)).unwrap();
    put(&manifests, &manifest(2)).unwrap();
    manifests.seen(BuildId(2));
    manifests.keep_uses().unwrap();
    let used = |manifests: &Manifests| manifests.list().iter().map(|entry| entry.used_unix_ms > 0).collect::<Vec<_>>();
    assert_eq!(used(&open(&disk).0), [false, true]);
    disk.damage("manifests", |bytes| bytes[30] ^= 1);
    assert_eq!(used(&open(&disk).0), [false, false], "what is lost is the order");
}

#[test]
fn what_is_no_manifest_of_that_build_is_refused() {
    let good = manifest(BUILD);
    let of = |build: &str, manifest: &Manifest| check(build, &manifest.encode_bytes());
    let build = good.build_id().hex();
    assert_eq!(of(&build, &good), Ok(good.clone()));
    assert_eq!(of(&build.to_uppercase(), &good), Ok(good.clone()));
    for place in ["", "7", "0x23456789abcdef", "+123456789abcdef", "0123456789abcdeg", &"0".repeat(17)] {
        assert_eq!(of(place, &good), Err(Unusable::NoBuildId), "{place}");
    }
    assert_eq!(of(&BuildId(7).hex(), &good), Err(Unusable::OtherBuild(BuildId(BUILD))));
    assert_eq!(check(&build, b""), Err(Unusable::Empty));
    assert_eq!(check(&build, b"\0asm\x01\0\0\0"), Err(Unusable::Module));
    assert_eq!(check(&build, &vec![0x32; check::BYTES_MAX + 1]), Err(Unusable::TooLong(check::BYTES_MAX + 1)));
    assert_eq!(check(&build, &[0x42, 0].repeat(1_000_001)), Err(Unusable::TooMany(1_000_001)));
    let other = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = good.clone();
        change(&mut manifest);
        of(&build, &manifest).unwrap_err().to_string()
    };
    assert!(other(&|manifest| manifest.abi = 9).contains("ABI 9"));
    assert!(other(&|manifest| manifest.functions[1].index = 2).contains("not in ascending order"));
    assert!(other(&|manifest| manifest.functions[1].name = "x".repeat(5000)).contains("too long"));
    assert!(other(&|manifest| manifest.functions[1].file = 2).contains("out of range"));
}

fn text(key: &str, text: &str) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(text.into())) });
    KeyValue { key: key.into(), value, ..KeyValue::default() }
}

fn int(key: &str, number: i64) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::IntValue(number)) });
    KeyValue { key: key.into(), value, ..KeyValue::default() }
}

/// A span of that function of the build, and something of every wire type beside it.
fn span(index: u32) -> Span {
    let name = format!("func[{index}]");
    let build = BuildId(BUILD).hex();
    Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        attributes: vec![
            text(attribute::CODE_FUNCTION_NAME, &name),
            text("other", "func[7]"),
            text(attribute::WASM_MODULE_BUILD_ID, &build),
        ],
        name,
        start_time_unix_nano: 5,
        end_time_unix_nano: 6,
        flags: 0x101,
        dropped_links_count: 3,
        ..Span::default()
    }
}

#[test]
fn a_span_is_named_and_otherwise_as_it_was() {
    let manifests = with(&manifest(BUILD));
    let named = |span: &Span| Span::decode(&*Namer::new(&manifests).span(&span.encode_to_vec())).unwrap();
    let stored = span(7);
    let mut expected = Span { name: "parse".into(), ..stored.clone() };
    expected.attributes[0] = text(attribute::CODE_FUNCTION_NAME, "parse");
    expected.attributes.extend([
        int(attribute::WASM_FUNCTION_INDEX, 7),
        text(attribute::WASM_MODULE_NAME, "shop.wasm"),
        text(attribute::CODE_FILE_PATH, "src/lib.rs"),
        int(attribute::CODE_LINE_NUMBER, 12),
    ]);
    assert_eq!(named(&stored), expected);
    assert_eq!(named(&expected), expected, "what has a name keeps it");
    let others = [
        span(9),
        span(1),
        span(4_000_000_000),
        Span { attributes: span(7).attributes[..2].to_vec(), ..span(7) },
        Span {
            attributes: [&[text(attribute::WASM_MODULE_BUILD_ID, "?")], &span(7).attributes[..1]].concat(),
            ..span(7)
        },
    ];
    for other in others {
        assert_eq!(named(&other), other);
    }
    let own = Span { name: "of the host".into(), ..span(7) };
    assert_eq!(named(&own).name, "of the host");
}

#[test]
fn fields_of_later_versions_stay() {
    let manifests = with(&manifest(BUILD));
    // A number, eight bytes, four bytes and a text under numbers that no version has.
    let later =
        [0xb8, 0x3e, 0x96, 0x01, 0xb9, 0x3e, 1, 2, 3, 4, 5, 6, 7, 8, 0xbd, 0x3e, 1, 2, 3, 4, 0xba, 0x3e, 1, b'x'];
    let stored = [&later[..], &span(7).encode_to_vec(), &later].concat();
    let named = Namer::new(&manifests).span(&stored).into_owned();
    let count = memchr::memmem::find_iter(&named, &later).count();
    assert_eq!((count, Span::decode(&*named).unwrap().name.as_str()), (2, "parse"));
}

fn request(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }] }
}

#[test]
fn a_request_is_named_where_it_has_to_be() {
    let manifests = with(&manifest(BUILD));
    let sent = request(vec![span(9), span(7), span(8), span(2)]);
    let named = Namer::new(&manifests).request(Signal::Traces, sent.encode_to_vec().into());
    let named = ExportTraceServiceRequest::decode(named).unwrap();
    let spans = &named.resource_spans[0].scope_spans[0].spans;
    let names: Vec<&str> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["func[9]", "parse", "parse", "fd_write"]);
    for signal in Signal::ALL {
        let other = bytes::Bytes::from(samples::request(signal));
        let same = Namer::new(&manifests).request(signal, other.clone());
        assert_eq!(same.as_ptr(), other.as_ptr(), "nothing was copied");
    }
}

#[test]
fn points_of_every_kind_are_named() {
    use opentelemetry_proto::tonic::metrics::v1::metric::Data;
    let manifests = with(&manifest(BUILD));
    let mut sent = ExportMetricsServiceRequest::decode(&*samples::request(Signal::Metrics)).unwrap();
    let tell = |attributes: &mut Vec<KeyValue>| {
        *attributes = span(2).attributes;
        attributes.push(text(attribute::WASM_FUNCTION_KIND, "guest"));
    };
    let mut kinds = 0;
    let metrics = &mut sent.resource_metrics[0].scope_metrics[0].metrics;
    let each = |data: &mut Option<Data>, then: &mut dyn FnMut(&mut Vec<KeyValue>)| match data {
        Some(Data::Gauge(gauge)) => gauge.data_points.iter_mut().for_each(|point| then(&mut point.attributes)),
        Some(Data::Sum(sum)) => sum.data_points.iter_mut().for_each(|point| then(&mut point.attributes)),
        Some(Data::Histogram(data)) => data.data_points.iter_mut().for_each(|point| then(&mut point.attributes)),
        Some(Data::ExponentialHistogram(data)) => {
            data.data_points.iter_mut().for_each(|point| then(&mut point.attributes));
        }
        Some(Data::Summary(_)) | None => {}
    };
    metrics.iter_mut().for_each(|metric| each(&mut metric.data, &mut |attributes| tell(attributes)));
    let bytes = bytes::Bytes::from(sent.encode_to_vec());
    let named = Namer::new(&manifests).request(Signal::Metrics, bytes);
    let mut named = ExportMetricsServiceRequest::decode(named).unwrap();
    for metric in &mut named.resource_metrics[0].scope_metrics[0].metrics {
        each(&mut metric.data, &mut |attributes| {
            kinds += 1;
            let keys: Vec<_> = attributes.iter().map(|attribute| &*attribute.key).collect();
            assert!(attributes.contains(&text(attribute::CODE_FUNCTION_NAME, "fd_write")), "{attributes:?}");
            assert!(attributes.contains(&text(attribute::WASM_FUNCTION_KIND, "import")), "{attributes:?}");
            assert!(attributes.contains(&int(attribute::WASM_FUNCTION_INDEX, 2)), "{attributes:?}");
            assert!(!keys.contains(&attribute::CODE_FILE_PATH) && keys.contains(&attribute::WASM_MODULE_BUILD_ID));
            tell(attributes);
        });
    }
    assert!(kinds >= 4, "{kinds} points");
    assert_eq!(named, sent, "and nothing else is another");
}

#[test]
fn damaged_requests_stay_requests_or_what_they_were() {
    let manifests = with(&manifest(BUILD));
    let mut random = SmallRng::seed_from_u64(5);
    let good = request(vec![span(7), span(2)]).encode_to_vec();
    let mut named = 0;
    for _ in 0..20_000 {
        let mut bytes = good.clone();
        for _ in 0..random.random_range(1..4) {
            let at = random.random_range(0..bytes.len());
            bytes[at] = random.random();
        }
        let whole = inspect(Signal::Traces, &bytes).is_ok();
        let out = Namer::new(&manifests).request(Signal::Traces, bytes.clone().into());
        if whole {
            let after = inspect(Signal::Traces, &out).unwrap_or_else(|why| panic!("{why:?}: {bytes:?}"));
            assert_eq!(after.items, inspect(Signal::Traces, &bytes).unwrap().items);
            named += u32::from(out != bytes);
        }
    }
    assert!(named > 1000, "{named}");
}

#[test]
fn functions_are_found_by_their_names_in_every_build() {
    let manifests = with(&manifest(1));
    put(&manifests, &manifest(2)).unwrap();
    let function = |index| Function { index, name: "many".into(), ..Function::default() };
    let many = Manifest { functions: (0..200).map(function).collect(), function_count: 200, ..manifest(3) };
    put(&manifests, &many).unwrap();
    let mut namer = Namer::new(&manifests);
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(namer.called("parse", || true), Called { names: names(&["func[7]", "func[8]"]), builds: Vec::new() });
    assert_eq!(namer.called("many", || true), Called { names: Vec::new(), builds: vec![BuildId(3)] });
    assert_eq!(namer.called("parse", || false), Called::default());
    assert_eq!(namer.name("func[7]".into(), Some(BuildId(1))), "parse");
    for (name, build) in
        [("func[7]", None), ("func[07]", Some(BuildId(1))), ("func[+7]", Some(BuildId(1))), ("parse", Some(BuildId(1)))]
    {
        assert_eq!(namer.name(name.into(), build), name);
    }
}

#[test]
fn profiles_are_named_by_their_mappings_or_by_what_was_told_of_all() {
    use crate::profiles::merge::tests::profile;
    use waspect_abi::pprof::Mapping;
    let manifests = with(&manifest(BUILD));
    let names = |profile: &waspect_abi::pprof::Profile| -> Vec<String> {
        let text = |place: i64| profile.string_table[place as usize].clone();
        profile.function.iter().map(|function| format!("{} {}", text(function.name), text(function.filename))).collect()
    };
    let build = BuildId(BUILD).hex();
    let mut of_all = profile(&[("func[7];main", 1), ("func[9]", 2)]);
    Namer::new(&manifests).profile(&mut of_all, &build);
    assert_eq!(names(&of_all), ["main ", "parse src/lib.rs", "func[9] "]);
    let mut mapped = profile(&[("func[7]", 1), ("func[2]", 2), ("func[8]", 3)]);
    mapped.string_table.push(build.clone());
    let build_id = mapped.string_table.len() as i64 - 1;
    mapped.mapping =
        vec![Mapping { id: 1, build_id, ..Mapping::default() }, Mapping { id: 2, build_id: 1, ..Mapping::default() }];
    mapped.location[0].mapping_id = 1;
    mapped.location[1].mapping_id = 2;
    Namer::new(&manifests).profile(&mut mapped, "");
    assert_eq!(names(&mapped), ["parse src/lib.rs", "func[2] ", "func[8] "]);
}
