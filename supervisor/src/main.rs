#[cfg_attr(not(test), expect(dead_code, reason = "called by the control plane, which is its own change"))]
mod store;

fn main() {}
