//! Where every request comes in: it belongs to the console, the admin API, the figures for Prometheus or the client
//! APIs. Serves nothing itself.

use super::admin::{self, Served, Visit};
use super::console;
use super::front::{Door, Reply, ReplyBody, serve};
use super::live;
use super::shard::Shard;
use bytes::Bytes;
use http::header::CONNECTION;
use http::request::Parts;
use http::{HeaderValue, Request, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use std::net::IpAddr;
use std::sync::Arc;

/// The way a request came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entrance {
    pub(crate) listener: u32,
    pub(crate) peer: IpAddr,
}

/// Answers one request.
pub(crate) async fn receive<B>(shard: &Arc<Shard>, entrance: Entrance, request: Request<B>) -> Reply
where
    B: Body<Data = Bytes> + Unpin,
{
    let path = request.uri().path();
    let admin = path.starts_with(admin::BASE) && admin::owns(path);
    if admin && !shard.shared.snapshot().serves_admin(entrance.listener) {
        return serve(shard, entrance.listener, request).await;
    }
    let (parts, body) = request.into_parts();
    let mut reply = match console::serve(&parts) {
        // Pages without the API behind them are of no use.
        Some(page) if shard.shared.snapshot().serves_admin(entrance.listener) => foreign(page),
        _ if admin => administer(shard, entrance, parts, body).await,
        _ if parts.uri.path() == live::METRICS => {
            let door = shard.shared.snapshot().door(entrance.listener);
            live::metrics(shard, door, &parts).await
        }
        _ => return serve(shard, entrance.listener, Request::from_parts(parts, body)).await,
    };
    // What has become a conversation of its own is ended by the end of the process.
    if shard.shared.is_draining() && reply.status() != StatusCode::SWITCHING_PROTOCOLS {
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    reply
}

async fn administer<B>(shard: &Arc<Shard>, entrance: Entrance, mut parts: Parts, mut body: B) -> Reply
where
    B: Body<Data = Bytes> + Unpin,
{
    let snapshot = shard.shared.snapshot();
    let visit = Visit {
        peer: entrance.peer,
        local_names_only: snapshot.door(entrance.listener) == Door::Local,
        limits: snapshot.limits,
    };
    match admin::serve(&shard.shared.asker, visit, &parts, &mut body).await {
        Served::Reply(reply) => foreign(reply),
        Served::Live(kind, caller, may) => live::live(shard, kind, *caller, &may, &mut parts),
    }
}

fn foreign(reply: http::Response<Full<Bytes>>) -> Reply {
    reply.map(|body| ReplyBody::foreign(body.map_err(|never| match never {}).boxed_unsync()))
}
