//! u
pub fn default_port(uri: &http::Uri) -> Option<u16> {
    uri.port_u16()
}
pub fn proxies(_p: &protocol::ipc::configure::Proxy) -> Vec<http::Uri> {
    vec![]
}
