//! A simulated cluster: ranks on threads of which one runs at a time, in an order that a seed draws, and messages that are
//! under way for as long as it likes. The same seed gives the same run; ranks that wait for each other are found at once.

use gmp_train::exchange::{Exchange, Lost};
use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What becomes of the run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fate {
    /// Nothing happens to it.
    Lives,
    /// At its exchange of this number, a rank is gone without a word.
    Killed { rank: usize, at: usize },
    /// It panics.
    Panics { rank: usize, at: usize },
    /// Its connection breaks, so that it has an error of its own.
    Breaks { rank: usize, at: usize },
    /// A bit of what it sends is another one.
    Damages { rank: usize, at: usize },
    /// What it sends arrives twice.
    Repeats { rank: usize, at: usize },
}

impl Fate {
    pub(crate) fn rank(self) -> Option<usize> {
        match self {
            Self::Lives => None,
            Self::Killed { rank, .. }
            | Self::Panics { rank, .. }
            | Self::Breaks { rank, .. }
            | Self::Damages { rank, .. }
            | Self::Repeats { rank, .. } => Some(rank),
        }
    }
}

/// A stream of numbers: SplitMix64.
pub(crate) struct Draws(pub(crate) u64);
impl Draws {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Computes,
    Sends {
        to: usize,
    },
    Receives {
        from: usize,
    },
    /// Looks whether a message is there, without waiting.
    Looks {
        from: usize,
    },
    Gone,
}

struct World {
    draws: Draws,
    now: usize,
    states: Vec<State>,
    /// From rank a to rank b, at `a · ranks + b`: when each message arrives, and what it says.
    links: Vec<VecDeque<(usize, Vec<u8>)>>,
    /// Messages that a link stores; with none, a send waits for its receiver.
    capacity: usize,
    /// What was announced, and from when on the others know.
    news: Option<(usize, Lost)>,
    /// All ranks wait for each other.
    is_stuck: bool,
    fate: Fate,
    exchanges: Vec<usize>,
}

pub(crate) struct Cluster {
    world: Mutex<World>,
    changed: Condvar,
    ranks: usize,
}

/// One of its ranks.
pub(crate) struct Node<'a> {
    cluster: &'a Cluster,
    rank: usize,
}

/// What a rank's thread unwinds with where it is killed or panics.
struct Dead;

impl Cluster {
    pub(crate) fn new(seed: u64, ranks: usize, fate: Fate) -> Self {
        let mut draws = Draws(seed);
        let capacity = [0, 0, 1, 3, usize::MAX][draws.below(5)];
        let world = World {
            draws,
            now: 0,
            states: vec![State::Computes; ranks],
            links: (0..ranks * ranks).map(|_| VecDeque::new()).collect(),
            capacity,
            news: None,
            is_stuck: false,
            fate,
            exchanges: vec![0; ranks],
        };
        Self { world: Mutex::new(world), changed: Condvar::new(), ranks }
    }

    /// Carries out the work of all ranks: their results, `None` for those that died; and how many exchanges each had.
    pub(crate) fn run<R: Send>(
        &self,
        work: impl Fn(&mut Node<'_>) -> R + Sync,
    ) -> (Vec<Option<R>>, Vec<usize>) {
        let one = |rank| {
            let result = catch_unwind(AssertUnwindSafe(|| {
                let mut node = Node { cluster: self, rank };
                work(&mut node)
            }));
            let mut world = self.lock();
            world.states[rank] = State::Gone;
            world.choose(self.ranks);
            self.changed.notify_all();
            drop(world);
            match result {
                Ok(result) => Some(result),
                Err(payload) if (*payload).is::<Dead>() => None,
                Err(payload) => resume_unwind(payload),
            }
        };
        let one = &one;
        let results = std::thread::scope(|scope| {
            let all: Vec<_> = (0..self.ranks).map(|rank| scope.spawn(move || one(rank))).collect();
            let joined: Vec<Result<_, Box<dyn Any + Send>>> =
                all.into_iter().map(|rank| rank.join()).collect();
            joined.into_iter().map(|result| result.unwrap_or_else(|panic| resume_unwind(panic))).collect()
        });
        let world = self.lock();
        assert!(!world.is_stuck, "all ranks wait for each other: {:?}", world.fate);
        (results, world.exchanges.clone())
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    /// Lets a rank go on that can, if none is computing; else time passes until one can.
    fn choose(&mut self, ranks: usize) {
        while !self.states.contains(&State::Computes) && self.states.iter().any(|s| *s != State::Gone) {
            let able: Vec<usize> = (0..ranks).filter(|&rank| self.is_able(rank, ranks)).collect();
            if !able.is_empty() {
                let chosen = able[self.draws.below(able.len())];
                self.states[chosen] = State::Computes;
                return;
            }
            let arrivals = self.links.iter().filter_map(|link| link.front()).map(|(due, _)| *due);
            let news = self.news.iter().map(|(due, _)| *due);
            match arrivals.chain(news).filter(|due| *due > self.now).min() {
                Some(next) => self.now = next,
                None => {
                    self.is_stuck = true;
                    return;
                }
            }
        }
    }

    fn is_able(&self, rank: usize, ranks: usize) -> bool {
        let is_known = self.news.as_ref().is_some_and(|(due, _)| *due <= self.now);
        match self.states[rank] {
            State::Computes | State::Gone => false,
            State::Looks { .. } => true,
            _ if is_known => true,
            State::Sends { to } => {
                let stored = self.links[rank * ranks + to].len();
                let awaiting = [State::Receives { from: rank }, State::Looks { from: rank }];
                let is_awaited = awaiting.contains(&self.states[to]) && stored == 0;
                self.is_closed(to) || stored < self.capacity || is_awaited
            }
            State::Receives { from } => match self.links[from * ranks + rank].front() {
                Some((due, _)) => *due <= self.now,
                None => self.is_closed(from),
            },
        }
    }

    /// Whether the others notice that a rank is gone. One that left because of another has announced that before.
    fn is_closed(&self, rank: usize) -> bool {
        let is_told = self.news.as_ref().is_none_or(|(due, lost)| *due <= self.now || lost.rank == rank);
        self.states[rank] == State::Gone && is_told
    }

    fn announce(&mut self, lost: Lost) {
        if self.news.is_none() {
            let delay = self.draws.below(20);
            self.news = Some((self.now + delay, lost));
        }
    }
}

impl Node<'_> {
    /// Waits for this rank's turn to send or to receive; then `act` does it.
    fn exchange<R>(&self, wants: State, act: impl FnOnce(&mut World) -> Result<R, Lost>) -> Result<R, Lost> {
        let ranks = self.cluster.ranks;
        let mut world = self.cluster.lock();
        world.exchanges[self.rank] += 1;
        let number = world.exchanges[self.rank];
        let here = |rank: usize, at: usize| rank == self.rank && at == number;
        match world.fate {
            Fate::Killed { rank, at } if here(rank, at) => {
                drop(world);
                resume_unwind(Box::new(Dead));
            }
            Fate::Panics { rank, at } if here(rank, at) => {
                world.announce(Lost { rank, why: "it panicked".to_owned() });
                drop(world);
                resume_unwind(Box::new(Dead));
            }
            Fate::Breaks { rank, at } if here(rank, at) => {
                return Err(Lost { rank, why: "its connection broke".to_owned() });
            }
            _ => {}
        }
        world.states[self.rank] = wants;
        world.choose(ranks);
        self.cluster.changed.notify_all();
        while world.states[self.rank] != State::Computes && !world.is_stuck {
            world = self.cluster.changed.wait(world).unwrap_or_else(PoisonError::into_inner);
        }
        if world.is_stuck {
            return Err(Lost { rank: self.rank, why: "all ranks wait for each other".to_owned() });
        }
        if let Some((due, lost)) = &world.news
            && *due <= world.now
        {
            return Err(lost.clone());
        }
        let is_fated =
            matches!(world.fate, Fate::Damages { rank, at } | Fate::Repeats { rank, at } if here(rank, at));
        let before: Vec<usize> = world.links.iter().map(VecDeque::len).collect();
        let result = act(&mut world);
        if is_fated && let Some(link) = (0..before.len()).find(|&link| world.links[link].len() > before[link])
        {
            let (due, mut message) = world.links[link].pop_back().unwrap();
            if matches!(world.fate, Fate::Repeats { .. }) {
                world.links[link].push_back((due, message.clone()));
            } else {
                let bit = world.draws.below(8 * message.len());
                message[bit / 8] ^= 1 << (bit % 8);
            }
            world.links[link].push_back((due, message));
        }
        result
    }
}

impl Exchange for Node<'_> {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.cluster.ranks
    }

    fn send(&mut self, to: usize, message: &[u8]) -> Result<(), Lost> {
        let (rank, ranks) = (self.rank, self.cluster.ranks);
        self.exchange(State::Sends { to }, |world| {
            // What is sent to a rank that is gone is lost, and that is noticed now or later.
            if world.is_closed(to) {
                let is_noticed = world.draws.below(2) == 0;
                let why = "the connection to it is closed".to_owned();
                return if is_noticed { Err(Lost { rank: to, why }) } else { Ok(()) };
            }
            // Messages of one link do not overtake each other, those of two links do.
            let delay = [0, 1, 50][world.draws.below(3)];
            let last = world.links[rank * ranks + to].back().map_or(0, |(due, _)| *due);
            let due = last.max(world.now + world.draws.below(delay + 1));
            world.links[rank * ranks + to].push_back((due, message.to_vec()));
            Ok(())
        })
    }

    fn receive(&mut self, from: usize, message: &mut Vec<u8>) -> Result<(), Lost> {
        let (rank, ranks) = (self.rank, self.cluster.ranks);
        self.exchange(State::Receives { from }, |world| {
            match world.links[from * ranks + rank].pop_front() {
                Some((_, arrived)) => *message = arrived,
                None => return Err(Lost { rank: from, why: "the connection to it is closed".to_owned() }),
            }
            Ok(())
        })
    }

    fn try_receive(&mut self, from: usize, message: &mut Vec<u8>) -> Result<bool, Lost> {
        let (rank, ranks) = (self.rank, self.cluster.ranks);
        self.exchange(State::Looks { from }, |world| {
            // Looking takes time, in which messages arrive.
            world.now += 1;
            let link = from * ranks + rank;
            match world.links[link].front() {
                Some((due, _)) if *due > world.now => Ok(false),
                None if world.is_closed(from) => {
                    Err(Lost { rank: from, why: "the connection to it is closed".to_owned() })
                }
                _ => Ok(world.links[link].pop_front().map(|(_, arrived)| *message = arrived).is_some()),
            }
        })
    }

    fn abort(&mut self, cause: &Lost) {
        self.cluster.lock().announce(cause.clone());
    }
}
