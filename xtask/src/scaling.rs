//! How long a training step takes on several ranks that share out its parts: a model, and no measurement. `--plan` and
//! `docs/CLUSTER.md` tell what it says.
//!
//! ```
//! use xtask::scaling::{CONNECTIONS, Step};
//! // VGG-6 at batch 1024 in parts of 32 images, on two cores.
//! let step = Step { seconds: 8.6, parts: 32, parameters: 4_600_000 };
//! let slow = &CONNECTIONS[0];
//! assert_eq!(step.seconds_on(1, slow), 8.6);
//! assert!(step.speedup(8, slow) > 7.0 && step.speedup(32, slow) < 27.0);
//! ```

/// What connects ranks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Connection {
    /// What it is called.
    pub name: &'static str,
    /// Bytes per second, in each direction.
    pub bandwidth: f64,
    /// Seconds until a message arrives, besides.
    pub latency: f64,
}

/// What clusters have: Ethernet, and a network made for MPI.
pub const CONNECTIONS: [Connection; 2] = [
    Connection { name: "10 Gbit/s", bandwidth: 10e9 / 8.0, latency: 30e-6 },
    Connection { name: "100 Gbit/s", bandwidth: 100e9 / 8.0, latency: 3e-6 },
];

impl Connection {
    /// A step of the sum of gradients, in which a rank receives and sends so many messages, each direction by itself, and
    /// works on a chunk.
    fn step(&self, messages: u32) -> f64 {
        let chunk = NUMBER * CHUNK as f64;
        f64::from(messages) * chunk / self.bandwidth + self.latency + chunk / WORKING
    }
}

/// Bytes of a number.
const NUMBER: f64 = 4.0;
/// Numbers in a message of the sum of gradients.
const CHUNK: usize = 1 << 16;
/// Bytes per second at which a rank adds its parts to a chunk, copies the result, and computes the checksums.
const WORKING: f64 = 4e9;
/// The share of the backward pass in the time of a part.
const BACKWARD: f64 = 2.0 / 3.0;

/// A training step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// How long it takes in one process.
    pub seconds: f64,
    /// The parts of its batch, which the ranks share out.
    pub parts: usize,
    /// Parameters of the network, in single precision.
    pub parameters: usize,
}

impl Step {
    /// How long it takes on as many ranks, each as fast as the one process: its share of the parts, and the exchange.
    #[must_use]
    pub fn seconds_on(&self, ranks: usize, connection: &Connection) -> f64 {
        let share = self.parts.div_ceil(ranks) as f64 / self.parts as f64;
        self.seconds * share + self.exchange(ranks, connection)
    }

    /// How many times as fast as one process.
    #[must_use]
    pub fn speedup(&self, ranks: usize, connection: &Connection) -> f64 {
        self.seconds / self.seconds_on(ranks, connection)
    }

    /// How long the ranks take to exchange gradients and to agree.
    fn exchange(&self, ranks: usize, connection: &Connection) -> f64 {
        if ranks == 1 {
            return 0.0;
        }
        self.sum(ranks, connection) + 6.0 * ranks as f64 * connection.latency
    }

    /// How long the sum of the gradients takes, on two ranks or more.
    ///
    /// It goes from rank to rank in chunks, and its result back the same way, in steps in which every rank sends and receives
    /// at the same time. Of two ranks each sends one message and receives one. A rank between two others sends two and
    /// receives two, which share its connection. The first chunk takes as many steps as its way up and down has links, and
    /// every other one ends a step later; in the first steps and in the last ones chunks go in one direction alone.
    fn sum(&self, ranks: usize, connection: &Connection) -> f64 {
        let chunks = self.parameters.div_ceil(CHUNK) as f64;
        let (way, both) = ((2 * ranks - 3) as f64, if ranks == 2 { 1 } else { 2 });
        chunks * connection.step(both) + way * connection.step(1)
    }

    /// How much shorter a step could be at most if a layer's gradient were sent as soon as it is computed: the sum would be
    /// hidden behind the backward pass of the last part that a rank owns.
    #[must_use]
    pub fn overlap(&self, ranks: usize, connection: &Connection) -> f64 {
        if ranks == 1 {
            return 0.0;
        }
        self.sum(ranks, connection).min(BACKWARD * self.seconds / self.parts as f64)
    }

    /// The most ranks of which each still does half of what it does alone, and more of which have parts to do.
    #[must_use]
    pub fn ranks_at_half(&self, connection: &Connection) -> usize {
        let pays = |ranks: &usize| 2.0 * self.speedup(*ranks, connection) >= *ranks as f64;
        (1..=self.parts).rev().find(pays).unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_without_a_part_do_nothing_and_a_fast_connection_is_never_slower() {
        let step = Step { seconds: 1.0, parts: 8, parameters: 1_000_000 };
        let [slow, fast] = &CONNECTIONS;
        for ranks in 1..40 {
            assert!(step.seconds_on(ranks, fast) <= step.seconds_on(ranks, slow));
            assert!(step.speedup(ranks, fast) <= ranks.min(8) as f64);
        }
        // Five ranks have two parts, as four do.
        assert!(step.seconds_on(5, fast) > step.seconds_on(4, fast));
        assert_eq!(step.ranks_at_half(fast), 8);
        assert!(Step { seconds: 0.01, ..step }.ranks_at_half(slow) < 3);
    }

    /// Every step of the schedule of `gmp-train/src/exchange/collective/sum.rs`, whose longest rank all wait for.
    #[test]
    fn a_sum_takes_the_time_of_its_schedule() {
        for connection in &CONNECTIONS {
            for ranks in [2, 3, 4, 8, 32] {
                for chunks in [1_usize, 2, 40, 200] {
                    let last = ranks - 1;
                    let mut expected = 0.0;
                    for step in 0..chunks + 2 * last {
                        let is_here =
                            |steps: usize| step.checked_sub(steps).is_some_and(|chunk| chunk < chunks);
                        let longest = (0..ranks).map(|rank| {
                            let (up, down) = (is_here(rank), rank < last && is_here(2 * last - rank));
                            let received = [up && rank > 0, down].map(u32::from).iter().sum();
                            // The first rank begins with a chunk before anything is sent.
                            if received == 0 { 0.0 } else { connection.step(received) }
                        });
                        expected += longest.fold(0.0, f64::max);
                    }
                    let step = Step { seconds: 1.0, parts: ranks, parameters: chunks * CHUNK };
                    let found = step.sum(ranks, connection);
                    // The first chunk and the last one meet nobody.
                    let most = expected + 2.0 * (connection.step(2) - connection.step(1));
                    let place = format!("{ranks} ranks, {chunks} chunks: {found} for {expected}");
                    assert!((0.999_999 * expected..=1.000_001 * most).contains(&found), "{place}");
                }
            }
        }
    }

    #[test]
    fn overlap_hides_no_more_than_the_sum_and_than_the_backward_pass_of_a_part() {
        let step = Step { seconds: 9.0, parts: 3, parameters: 1_000_000 };
        let slow = &CONNECTIONS[0];
        assert_eq!(step.overlap(1, slow), 0.0);
        assert_eq!(step.overlap(3, slow), step.sum(3, slow));
        let fast = Step { seconds: 9e-3, ..step };
        assert!((fast.overlap(3, slow) - 2e-3).abs() < 1e-12);
    }
}
