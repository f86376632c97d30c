//! The `WASPECT_*` variables. Documented at [`Builder::variables`](crate::Builder::variables).

use std::str::FromStr;

use waspect_recorder::Config;

use crate::error::Error;

/// Applies the variables that are set and not empty.
pub(crate) fn apply(config: &mut Config, variable: &impl Fn(&str) -> Option<String>) -> Result<(), Error> {
    let text = |name: &str| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if let Some(us) = number::<u64>(&text, "WASPECT_SPAN_MIN_DURATION_US", "a whole number of microseconds")? {
        config.spans.min_duration_ns = us.saturating_mul(1_000);
    }
    if let Some(max) = number(&text, "WASPECT_SPANS_PER_ROOT_MAX", "a whole number")? {
        config.spans.per_root_max = max;
    }
    if let Some(names) = text("WASPECT_SPANS_ALWAYS") {
        config.spans.always = names.split(',').map(|name| name.trim().to_owned()).collect();
    }
    if let Some(share) = number::<f64>(&text, "WASPECT_OVERHEAD_BUDGET", "a share such as 0.05, or inf")? {
        config.overhead_budget = share.max(0.0);
    }
    if let Some(max) = number(&text, "WASPECT_ATTRIBUTE_SETS_MAX", "a whole number")? {
        config.attribute_sets_max = max;
    }
    if let Some(seconds) = number::<u64>(&text, "WASPECT_LEAK_AGE_S", "a whole number of seconds")? {
        config.leak_age_ns = seconds.saturating_mul(1_000_000_000);
    }
    Ok(())
}

fn number<N: FromStr>(
    text: &impl Fn(&str) -> Option<String>,
    name: &'static str,
    expected: &'static str,
) -> Result<Option<N>, Error> {
    let Some(value) = text(name) else { return Ok(None) };
    value.parse().map(Some).map_err(|_| Error::Variable { name, value, expected })
}
