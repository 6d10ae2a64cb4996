#[cfg_attr(not(test), expect(dead_code, reason = "called by the control plane, which is its own change"))]
mod ledger;
#[cfg_attr(not(test), expect(dead_code, reason = "called by the control plane, which is its own change"))]
mod store;
#[cfg_attr(not(test), expect(dead_code, reason = "called by the control plane, which is its own change"))]
mod vault;

fn main() {}
