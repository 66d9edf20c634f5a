//! Messages of protocol buffers by the numbers of their fields, read without the crate that wrote them.

#[derive(Debug, Clone, Copy)]
enum Field<'a> {
    Number(u64),
    Float(f32),
    Bytes(&'a [u8]),
}

/// The fields of a message in order, with their numbers.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a>(Vec<(u64, Field<'a>)>);

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..).step_by(7) {
        let (&first, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first < 0x80 {
            return number;
        }
    }
    unreachable!()
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (first, rest) = bytes.split_at(length);
    *bytes = rest;
    first
}

impl<'a> Fields<'a> {
    pub(super) fn of(mut bytes: &'a [u8]) -> Self {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let field = match key & 7 {
                0 => Field::Number(varint(&mut bytes)),
                2 => {
                    let length = varint(&mut bytes) as usize;
                    Field::Bytes(take(&mut bytes, length))
                }
                5 => Field::Float(f32::from_le_bytes(take(&mut bytes, 4).try_into().unwrap())),
                other => panic!("field {} of the kind {other}", key >> 3),
            };
            fields.push((key >> 3, field));
        }
        Self(fields)
    }

    fn all(&self, number: u64) -> impl Iterator<Item = Field<'a>> {
        self.0.iter().filter(move |(found, _)| *found == number).map(|(_, field)| *field)
    }

    pub(super) fn bytes(&self, number: u64) -> Vec<&'a [u8]> {
        let bytes = |field| match field {
            Field::Bytes(bytes) => bytes,
            other => panic!("field {number}: {other:?}"),
        };
        self.all(number).map(bytes).collect()
    }

    pub(super) fn messages(&self, number: u64) -> Vec<Self> {
        self.bytes(number).into_iter().map(Self::of).collect()
    }

    /// The only one.
    pub(super) fn message(&self, number: u64) -> Self {
        let [message] = &self.messages(number)[..] else { panic!("field {number} of {self:?}") };
        message.clone()
    }

    pub(super) fn texts(&self, number: u64) -> Vec<&'a str> {
        self.bytes(number).into_iter().map(|bytes| std::str::from_utf8(bytes).unwrap()).collect()
    }

    /// The only one; without it the default, an empty one.
    pub(super) fn text(&self, number: u64) -> &'a str {
        self.texts(number).first().copied().unwrap_or_default()
    }

    /// One by one, or packed.
    pub(super) fn numbers(&self, number: u64) -> Vec<usize> {
        let mut numbers = Vec::new();
        for field in self.all(number) {
            match field {
                Field::Number(number) => numbers.push(number as usize),
                Field::Bytes(mut bytes) => {
                    while !bytes.is_empty() {
                        numbers.push(varint(&mut bytes) as usize);
                    }
                }
                other @ Field::Float(_) => panic!("field {number}: {other:?}"),
            }
        }
        numbers
    }

    pub(super) fn float(&self, number: u64) -> Option<f32> {
        self.all(number).find_map(|field| if let Field::Float(x) = field { Some(x) } else { None })
    }
}
