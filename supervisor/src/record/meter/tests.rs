use super::*;

/// 2026-01-01T00:00:00Z
const DAY: i64 = 1_767_225_600_000;
const HOUR_MS: i64 = 3_600_000;

fn query(since_ms: i64, until_ms: i64) -> MeterQuery {
    let (slot_s, by) = (0, MeterGroup::Provider);
    MeterQuery { since_ms, until_ms, slot_s, by, app: None, provider: None, model: None }
}

fn row(start_ms: i64, provider: &str, currency: &str, calls: u64) -> RollupRow {
    let key = RollupKey {
        span: Span::Hour,
        start: start_ms / 1000,
        provider: provider.into(),
        app: "web".into(),
        model: "m".into(),
        currency: currency.into(),
    };
    let mut sums = Rollup { calls, output: calls * 10, cost_nano: 7, ..Rollup::default() };
    (0..calls).for_each(|_| sums.total.add(1000));
    RollupRow { key, sums }
}

#[test]
fn slots_fit_the_range_and_are_cut_where_the_sums_are() {
    let now = UnixMs(DAY + 12 * HOUR_MS);
    let of = |hours: i64| Range::of(&query(now.0 - hours * HOUR_MS - 1, now.0), now).unwrap();
    for (hours, seconds) in [(1, 60), (24, 3600), (24 * 7, 3600), (24 * 30, 86_400)] {
        assert_eq!(of(hours).span.seconds(), seconds, "{hours}");
    }
    let day = of(24);
    assert_eq!((day.since, day.before), (DAY - 13 * HOUR_MS, DAY - 13 * HOUR_MS - 25 * HOUR_MS));
    assert_eq!(day.slots().count(), 25);
}

#[test]
fn questions_without_sense_name_the_field() {
    let now = UnixMs(DAY);
    let refused = |query: MeterQuery| Range::of(&query, now).err().map(|r| r.fields[0].field.clone());
    assert_eq!(refused(query(DAY, DAY - 1)).as_deref(), Some("query.since_ms"));
    assert_eq!(refused(query(DAY + 5, DAY + 10)).as_deref(), Some("query.since_ms"));
    assert_eq!(refused(MeterQuery { slot_s: 61, ..query(0, DAY) }).as_deref(), Some("query.slot_s"));
    assert_eq!(refused(MeterQuery { slot_s: 60, ..query(0, DAY) }).as_deref(), Some("query.slot_s"));
}

#[test]
fn a_report_adds_up_and_keeps_currencies_apart() {
    let now = UnixMs(DAY + 3 * HOUR_MS);
    let query = MeterQuery { slot_s: 3600, ..query(DAY, now.0) };
    let range = Range::of(&query, now).unwrap();
    let rows = [row(DAY, "a", "USD", 2), row(DAY + HOUR_MS, "a", "CNY", 3), row(DAY, "b", "", 1)];
    let report = report(&query, &range, &rows, &rows[..1]);
    assert_eq!((report.total.calls, report.before.calls), (6, 2));
    assert_eq!(report.total.cost_nano, BTreeMap::from([("USD".into(), 7), ("CNY".into(), 7)]));
    assert_eq!(report.groups["a"].usage.output, Some(50));
    let calls = |series: &[MeterSlot]| series.iter().map(|slot| slot.calls).collect::<Vec<_>>();
    assert_eq!(calls(&report.series), [3, 3, 0]);
    assert_eq!(calls(&report.series_by_group["a"]), [2, 3, 0]);
    assert_eq!(report.series[2].latency_p95_us, None);
}

#[test]
fn unknown_is_not_zero() {
    let mut unmeasured = row(DAY, "a", "", 1);
    (unmeasured.sums.unmeasured, unmeasured.sums.output) = (1, 0);
    assert_eq!(meter([&unmeasured]).usage, Usage::default());
    assert_eq!(meter([&unmeasured, &row(DAY, "a", "", 1)]).usage.output, Some(10));
    assert_eq!(meter([]).usage, Usage::default());
}
