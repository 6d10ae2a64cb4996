//! The one thread that touches a database file. Jobs come through a bounded queue and are done one by one, in
//! order; a caller that stops waiting does not stop its job. Nobody else ever sees the connection.

use super::error::StoreError;
use protocol::transport::precedence::give_way;
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};

/// Jobs that may wait; beyond it callers wait to be let in.
const QUEUE: usize = 256;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

enum Order {
    Run(Job),
    /// Do what was ordered before, close the file, then drop the sender.
    Close(oneshot::Sender<()>),
}

/// The owner of a database thread. Dropping it ends the thread after the jobs it already has, and waits for it.
pub(super) struct Database {
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Database {
    /// Starts the thread; it opens the connection itself. Returns what `open` found, or why it failed.
    pub(super) async fn start<T: Send + 'static>(
        name: &str,
        open: impl FnOnce() -> Result<(Connection, T), StoreError> + Send + 'static,
    ) -> Result<(Database, T), StoreError> {
        let (orders, inbox) = mpsc::channel(QUEUE);
        let (reply, opened) = oneshot::channel();
        let body = move || {
            // Calls are not to wait for their records.
            give_way();
            match open() {
                Ok((conn, found)) => {
                    let _gone = reply.send(Ok(found));
                    work(conn, inbox);
                }
                Err(error) => {
                    let _gone = reply.send(Err(error));
                }
            }
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(body).map_err(|source| {
            StoreError::File { action: "start the thread of", path: name.to_owned(), source }
        })?;
        let database = Database { orders: Some(orders), thread: Some(thread) };
        let found = opened.await.map_err(|_| StoreError::Broken)??;
        Ok((database, found))
    }

    /// Runs a job on the thread and returns its result. Waits while the queue is full.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |conn| {
            let done = catch_unwind(AssertUnwindSafe(|| job(conn))).unwrap_or(Err(StoreError::Broken));
            let _gone = reply.send(done);
        });
        let orders = self.orders.as_ref().ok_or(StoreError::Closed)?;
        orders.send(Order::Run(job)).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Finishes the jobs already queued and closes the file. Later jobs are refused.
    pub(super) async fn close(&self) {
        let (closed, done) = oneshot::channel();
        let Some(orders) = self.orders.as_ref() else { return };
        if orders.send(Order::Close(closed)).await.is_ok() {
            let _dropped = done.await;
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

fn work(mut conn: Connection, mut inbox: mpsc::Receiver<Order>) {
    let mut waiting = Vec::new();
    while let Some(order) = inbox.blocking_recv() {
        match order {
            Order::Run(job) => job(&mut conn),
            Order::Close(closed) => {
                waiting.push(closed);
                inbox.close();
            }
        }
    }
    // Closing writes the log back into the file; an error here loses nothing, the log is replayed at the next open.
    let _closed = conn.close();
    drop(waiting);
}
