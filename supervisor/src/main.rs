mod fleet;

fn main() {}
