//! Memory for the gradients of results while they are needed.

/// Places in one memory, handed out and taken back.
///
/// The gradient of a result lives from the first operation that adds to it until the operation that made the
/// result has passed it on: in a chain that is two gradients at a time, however long the chain.
#[derive(Debug, Default)]
pub(crate) struct Arena {
    /// Free stretches (start, length), in order, never touching each other.
    free: Vec<(usize, usize)>,
    /// Everything from here on was never handed out.
    end: usize,
}

impl Arena {
    /// Forgets all places; the first will be at `start` or after it.
    pub(crate) fn clear(&mut self, start: usize) {
        self.free.clear();
        self.end = start;
    }

    /// Numbers that the memory must have for all places handed out so far.
    pub(crate) fn end(&self) -> usize {
        self.end
    }

    /// A place for `len` numbers: in the smallest free stretch that is large enough.
    pub(crate) fn take(&mut self, len: usize) -> usize {
        let fits = self.free.iter().enumerate().filter(|(_, (_, free))| *free >= len);
        if let Some((i, _)) = fits.min_by_key(|(_, (_, free))| *free) {
            let (start, free) = self.free[i];
            if free == len {
                self.free.remove(i);
            } else {
                self.free[i] = (start + len, free - len);
            }
            return start;
        }
        // A free stretch at the end is prolonged.
        let start = match self.free.last() {
            Some(&(start, free)) if start + free == self.end => {
                self.free.pop();
                start
            }
            _ => self.end,
        };
        self.end = start + len;
        start
    }

    /// Takes a place back.
    pub(crate) fn give(&mut self, start: usize, len: usize) {
        let i = self.free.partition_point(|&(free, _)| free < start);
        self.free.insert(i, (start, len));
        if i + 1 < self.free.len() && start + len == self.free[i + 1].0 {
            self.free[i].1 += self.free.remove(i + 1).1;
        }
        if i > 0 && self.free[i - 1].0 + self.free[i - 1].1 == start {
            self.free[i - 1].1 += self.free.remove(i).1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back_whole() {
        let mut arena = Arena::default();
        arena.clear(10);
        let places = [arena.take(4), arena.take(2), arena.take(6)];
        assert_eq!((places, arena.end()), ([10, 14, 16], 22));
        arena.give(14, 2);
        assert_eq!(arena.take(3), 22, "too small a hole");
        arena.give(10, 4);
        assert_eq!(arena.take(5), 10, "two neighbours are one hole");
        arena.give(22, 3);
        arena.give(16, 6);
        assert_eq!(arena.take(20), 15, "what is free at the end is prolonged");
        assert_eq!(arena.end(), 35);
    }

    #[test]
    fn what_is_left_of_a_hole_is_free() {
        let mut arena = Arena::default();
        let places = [arena.take(12), arena.take(1)];
        assert_eq!(places, [0, 12]);
        arena.give(0, 12);
        assert_eq!([arena.take(4), arena.take(8), arena.take(1)], [0, 4, 13]);
    }
}
