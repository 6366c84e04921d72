//! Until when the head of a request must have come, without a timer for each request.
//!
//! hyper asks for a timer before each head, and drops it with the head. One of tokio's is put into the runtime's wheel and taken
//! out again each time, under a lock. Here it is a moment and nothing else: the connection wakes its task when it was silent for
//! that long ([`crate::connections::Connection`]), and each byte that comes wakes it, too; then hyper asks whether the moment has
//! passed.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

/// For [`hyper::server::conn::http1`] alone, over a [`crate::connections::Connection`]: nobody else wakes what it makes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadTimer;

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(HeadDeadline(deadline))
    }
}

struct HeadDeadline(Instant);

impl Sleep for HeadDeadline {}

impl Future for HeadDeadline {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if Instant::now() < self.0 {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }
}
