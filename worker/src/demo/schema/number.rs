//! Numbers that satisfy a number schema.

use super::SchemaError;
use serde_json::{Map, Value};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Any,
}

/// One end of the range.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bound {
    at: f64,
    /// The bound itself is outside.
    open: bool,
}

/// A number near 1 within the bounds; later elements of a list get later ones.
pub(super) fn sample(schema: &Map<String, Value>, kind: Kind, turn: usize) -> Result<Value, SchemaError> {
    let low = bound(schema, "minimum", "exclusiveMinimum", f64::max);
    let high = bound(schema, "maximum", "exclusiveMaximum", f64::min);
    let multiple = schema.get("multipleOf").and_then(Value::as_f64).filter(|step| *step > 0.0);
    let step = match kind {
        Kind::Any => multiple,
        // A fractional step has whole multiples too, of which the double is good enough a guess.
        Kind::Integer => Some(multiple.map_or(1.0, whole_step)),
    };
    let number = match step {
        Some(step) => on_grid(low, high, step, turn),
        None => anywhere(low, high, turn),
    };
    let inside = low.is_none_or(|low| number > low.at || (number == low.at && !low.open))
        && high.is_none_or(|high| number < high.at || (number == high.at && !high.open));
    if !inside || !number.is_finite() {
        return Err(SchemaError::Nothing("minimum, maximum, multipleOf"));
    }
    let exact = number.fract() == 0.0 && number.abs() < 9e18;
    Ok(if exact { Value::from(number as i64) } else { Value::from(number) })
}

/// The tighter of the two spellings. In draft 4 the exclusive one is a boolean beside the other.
fn bound(
    schema: &Map<String, Value>,
    closed: &str,
    open: &str,
    tighter: impl Fn(f64, f64) -> f64,
) -> Option<Bound> {
    let also_open = schema.get(open).and_then(Value::as_bool).unwrap_or(false);
    let closed = schema.get(closed).and_then(Value::as_f64).map(|at| Bound { at, open: also_open });
    let open = schema.get(open).and_then(Value::as_f64).map(|at| Bound { at, open: true });
    match (closed, open) {
        (Some(a), Some(b)) if a.at != b.at && tighter(a.at, b.at) == a.at => Some(a),
        (_, Some(b)) => Some(b),
        (a, None) => a,
    }
}

fn whole_step(multiple: f64) -> f64 {
    let doubled = multiple * 2.0;
    match (multiple.fract() == 0.0, doubled.fract() == 0.0 && doubled > 1.0) {
        (true, _) => multiple,
        (false, true) => doubled,
        (false, false) => 1.0,
    }
}

/// A multiple of `step`.
fn on_grid(low: Option<Bound>, high: Option<Bound>, step: f64, turn: usize) -> f64 {
    let top = high.map(|high| {
        let top = (high.at / step).floor() * step;
        if high.open && top >= high.at { top - step } else { top }
    });
    let bottom = low.map(|low| {
        let bottom = (low.at / step).ceil() * step;
        if low.open && bottom <= low.at { bottom + step } else { bottom }
    });
    let start = bottom.map_or(step, |bottom| bottom.max(step));
    let start = top.map_or(start, |top| start.min(top));
    let moved = start + step * turn as f64;
    top.map_or(moved, |top| moved.min(top))
}

/// Any number.
fn anywhere(low: Option<Bound>, high: Option<Bound>, turn: usize) -> f64 {
    let turn = turn as f64;
    match (low, high) {
        (None, None) => 1.0 + turn,
        (Some(low), None) => low.at.max(0.0) + 1.0 + turn,
        (None, Some(high)) => high.at.min(2.0) - 1.0 - turn,
        (Some(low), Some(high)) if low.at == high.at => low.at,
        // Ever nearer to the lower end, never on it.
        (Some(low), Some(high)) => low.at + (high.at - low.at) / (2.0 + turn),
    }
}
