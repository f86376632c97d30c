//! `src/semconv.rs` is generated from `semconv.toml`, here. `BLESS=1 cargo test -p waspect-abi --test semconv` writes it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use toml::{Table, Value};

#[test]
fn generated_code_is_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let truth: Table = std::fs::read_to_string(root.join("semconv.toml")).unwrap().parse().unwrap();
    let generated = generate(&truth);
    let path = root.join("src/semconv.rs");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(committed == generated, "src/semconv.rs is stale: run BLESS=1 cargo test -p waspect-abi --test semconv");
}

#[test]
fn names_are_unique_and_no_metric_is_a_namespace_of_another() {
    for kind in ["attribute", "event", "metric", "pipeline", "collector", "span_metric", "drop"] {
        let truth: Table = include_str!("../semconv.toml").parse().unwrap();
        let names: Vec<&str> = entries(&truth, kind).map(|entry| text(entry, "name")).collect();
        assert_eq!(names.len(), names.iter().collect::<BTreeSet<_>>().len(), "{kind}: a name twice");
        if ["metric", "pipeline", "collector", "span_metric"].contains(&kind) {
            for name in &names {
                let namespace = format!("{name}.");
                assert!(!names.iter().any(|other| other.starts_with(&namespace)), "{name} is also a namespace");
            }
        }
    }
}

fn generate(truth: &Table) -> String {
    let mut out = String::from(
        "//! Names of the telemetry. Generated from `spec/semconv.toml` by `spec/tests/semconv.rs`: edit that, not this.\n\n",
    );
    for (name, doc) in [
        ("schema_url", "The schema that names of the field's own conventions follow."),
        ("scope", "Name of the instrumentation scope."),
        ("sdk_name", "Value of `telemetry.sdk.name`."),
        ("sdk_language", "Value of `telemetry.sdk.language`."),
    ] {
        line(&mut out, format!("/// {doc}\npub const {}: &str = {:?};\n", name.to_uppercase(), text(truth, name)));
    }
    out.push_str(include_str!("semconv/types.txt"));
    for (kind, doc) in [("attribute", "Names of attributes."), ("event", "Names of span events.")] {
        line(&mut out, format!("\n/// {doc}\npub mod {kind} {{"));
        for entry in entries(truth, kind) {
            let type_of = entry.get("type").map(|t| format!(" Type: {}.", t.as_str().unwrap())).unwrap_or_default();
            line(&mut out, format!("    /// {}{type_of} ({})", text(entry, "brief"), text(entry, "stability")));
            line(
                &mut out,
                format!("    pub const {}: &str = {:?};", constant(text(entry, "name")), text(entry, "name")),
            );
        }
        out.push_str("}\n");
    }
    metrics(&mut out, truth, "metric", "The metrics.");
    metrics(&mut out, truth, "pipeline", "The metrics of the export pipeline.");
    metrics(&mut out, truth, "collector", "The metrics of the collector's own health.");
    metrics(&mut out, truth, "span_metric", "The metrics that the collector derives from spans of others.");
    drop_reasons(&mut out, truth);
    out
}

fn metrics(out: &mut String, truth: &Table, kind: &str, doc: &str) {
    line(out, format!("\n/// {doc}\npub mod {kind} {{\n    use super::{{Instrument, Key, Metric}};"));
    for entry in entries(truth, kind) {
        let name = text(entry, "name");
        let double = entry.get("value").is_some_and(|value| value.as_str() == Some("double"));
        line(out, format!("\n    /// {} ({})", text(entry, "brief"), text(entry, "stability")));
        line(out, format!("    pub const {}: Metric = Metric {{", constant(name)));
        line(out, format!("        name: {name:?},"));
        line(out, format!("        unit: {:?},", text(entry, "unit")));
        line(out, format!("        description: {:?},", text(entry, "brief")));
        line(out, format!("        instrument: Instrument::{},", variant(text(entry, "instrument"))));
        line(out, format!("        key: Key::{},", variant(text(entry, "key"))));
        line(out, format!("        double: {double},\n    }};"));
    }
    let names: Vec<_> = entries(truth, kind).map(|entry| constant(text(entry, "name"))).collect();
    out.push_str("\n    /// Every metric, in the order of the file.\n");
    // As rustfmt has it: in a line where they fit.
    match format!("    pub const ALL: &[Metric] = &[{}];", names.join(", ")) {
        all if all.len() <= 120 => line(out, all),
        _ => line(out, format!("    pub const ALL: &[Metric] = &[\n        {},\n    ];", names.join(",\n        "))),
    }
    out.push_str("}\n");
}

fn drop_reasons(out: &mut String, truth: &Table) {
    out.push_str("\n/// Why something was dropped or refused (rule D1).\n");
    out.push_str(
        "#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]\n#[repr(usize)]\npub enum DropReason {\n",
    );
    for entry in entries(truth, "drop") {
        line(out, format!("    /// {}\n    {},", text(entry, "brief"), variant(text(entry, "name"))));
    }
    out.push_str("}\n\nimpl DropReason {\n    /// Every reason, in the order of the file.\n");
    line(out, format!("    pub const ALL: [DropReason; {}] = [", entries(truth, "drop").count()));
    for entry in entries(truth, "drop") {
        line(out, format!("        DropReason::{},", variant(text(entry, "name"))));
    }
    out.push_str("    ];\n\n    /// Value of `waspect.drop.reason`.\n    pub const fn name(self) -> &'static str {\n        match self {\n");
    for entry in entries(truth, "drop") {
        line(out, format!("            DropReason::{} => {:?},", variant(text(entry, "name")), text(entry, "name")));
    }
    out.push_str("        }\n    }\n}\n");
}

fn entries<'t>(truth: &'t Table, kind: &str) -> impl Iterator<Item = &'t Table> {
    truth[kind].as_array().unwrap().iter().map(|entry| entry.as_table().unwrap())
}

fn text<'t>(table: &'t Table, key: &str) -> &'t str {
    table.get(key).and_then(Value::as_str).unwrap_or_else(|| panic!("{key} is missing in {table:?}"))
}

fn line(out: &mut String, text: String) {
    writeln!(out, "{text}").unwrap();
}

fn constant(name: &str) -> String {
    name.replace('.', "_").to_uppercase()
}

fn variant(name: &str) -> String {
    match name {
        "updowncounter" => "UpDownCounter".to_owned(),
        _ => name[..1].to_uppercase() + &name[1..],
    }
}
