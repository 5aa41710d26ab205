use http::{request, response};

use super::{BoxFuture, Challenge, Outcome, Prepared, Recovery};

/// One [`Recovery`], or a pair of them: `(a, b)` shares one engine and one copy of the request.
///
/// Of a pair, the first that takes an answer for a challenge of its own deals with it, and each may
/// have a request sent again once. Both prepare each send, `a` before `b`. Pairs can be nested.
///
/// It is implemented for all there are, and for nothing else.
pub trait Recoveries: Sealed {
    /// What one send carried, for each of them.
    type Attempt: Clone + Send;

    /// How many they are.
    #[doc(hidden)]
    const COUNT: u32;

    /// Prepares a send; those in `answered` have had the request sent again.
    #[doc(hidden)]
    fn prepare_all(
        &self,
        request: &mut request::Parts,
        answered: Places,
    ) -> Prepared<Self::Attempt>;

    /// Which of them take `response` for a challenge. All are asked.
    #[doc(hidden)]
    fn claims(&self, attempt: &Self::Attempt, response: &response::Parts) -> Places;

    /// Which of them judge by the body.
    #[doc(hidden)]
    fn readers(&self) -> Places;

    /// Lets those in `places` look at a challenge that is the caller's.
    #[doc(hidden)]
    fn refused_again_at(
        &self,
        places: Places,
        attempt: &Self::Attempt,
        response: &mut response::Parts,
    );

    /// Lets the one at `place` recover.
    #[doc(hidden)]
    fn recover_at(&self, place: u32, challenge: Challenge<Self::Attempt>) -> BoxFuture<Outcome>;
}

/// Some of the recoveries of one engine, each by its place: 0 for the first.
#[allow(unnameable_types, reason = "only the engine uses it")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places(u32);

/// Implemented for recoveries and pairs.
#[allow(unnameable_types, reason = "nobody else is to implement `Recoveries`")]
pub trait Sealed {}

// === impl Places ===

impl Places {
    pub(super) fn of(place: u32) -> Self {
        Self(1 << place)
    }

    fn one_if(is_there: bool) -> Self {
        Self(u32::from(is_there))
    }

    /// The first `count`.
    pub(super) fn first(count: u32) -> Self {
        Self(u32::MAX >> (u32::BITS - count))
    }

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn has(self, place: u32) -> bool {
        self.0 & (1 << place) != 0
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(super) fn which_are_in(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Takes the lowest place.
    pub(super) fn next(&mut self) -> Option<u32> {
        let place = self.0.trailing_zeros();
        self.0 &= self.0.wrapping_sub(1);
        (place < u32::BITS).then_some(place)
    }

    fn moved_up(self, by: u32) -> Self {
        Self(self.0 << by)
    }

    fn moved_down(self, by: u32) -> Self {
        Self(self.0 >> by)
    }
}

// === impl Recoveries ===

impl<P: Recovery> Sealed for P {}

impl<P: Recovery> Recoveries for P {
    type Attempt = P::Attempt;

    const COUNT: u32 = 1;

    fn prepare_all(
        &self,
        request: &mut request::Parts,
        answered: Places,
    ) -> Prepared<Self::Attempt> {
        if answered.has(0) {
            self.prepare_again(request)
        } else {
            self.prepare(request)
        }
    }

    fn claims(&self, attempt: &Self::Attempt, response: &response::Parts) -> Places {
        Places::one_if(self.is_challenge(attempt, response))
    }

    fn readers(&self) -> Places {
        Places::one_if(self.reads_body())
    }

    fn refused_again_at(
        &self,
        places: Places,
        attempt: &Self::Attempt,
        response: &mut response::Parts,
    ) {
        if places.has(0) {
            self.refused_again(attempt, response);
        }
    }

    fn recover_at(&self, _: u32, challenge: Challenge<Self::Attempt>) -> BoxFuture<Outcome> {
        self.recover(challenge)
    }
}

impl<A: Recoveries, B: Recoveries> Sealed for (A, B) {}

impl<A: Recoveries, B: Recoveries> Recoveries for (A, B) {
    type Attempt = (A::Attempt, B::Attempt);

    const COUNT: u32 = {
        let count = A::COUNT + B::COUNT;
        // One bit less than there are, so that a set can be moved past all of them.
        assert!(count < u32::BITS, "an engine has at most 31 recoveries");
        count
    };

    fn prepare_all(
        &self,
        request: &mut request::Parts,
        answered: Places,
    ) -> Prepared<Self::Attempt> {
        let first = match self.0.prepare_all(request, answered) {
            Prepared::Ready(attempt) => attempt,
            Prepared::Wait(wait) => return Prepared::Wait(wait),
        };
        let answered = answered.moved_down(A::COUNT);
        match self.1.prepare_all(request, answered) {
            Prepared::Ready(second) => Prepared::Ready((first, second)),
            Prepared::Wait(wait) => Prepared::Wait(wait),
        }
    }

    fn claims(&self, attempt: &Self::Attempt, response: &response::Parts) -> Places {
        let first = self.0.claims(&attempt.0, response);
        let second = self.1.claims(&attempt.1, response);
        first.and(second.moved_up(A::COUNT))
    }

    fn readers(&self) -> Places {
        let second = self.1.readers();
        self.0.readers().and(second.moved_up(A::COUNT))
    }

    fn refused_again_at(
        &self,
        places: Places,
        attempt: &Self::Attempt,
        response: &mut response::Parts,
    ) {
        self.0.refused_again_at(places, &attempt.0, response);
        let places = places.moved_down(A::COUNT);
        self.1.refused_again_at(places, &attempt.1, response);
    }

    fn recover_at(&self, place: u32, challenge: Challenge<Self::Attempt>) -> BoxFuture<Outcome> {
        match place.checked_sub(A::COUNT) {
            None => self.0.recover_at(place, challenge.map(|(first, _)| first)),
            Some(place) => self
                .1
                .recover_at(place, challenge.map(|(_, second)| second)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_taken_from_the_lowest() {
        let mut places = Places::of(0).and(Places::of(2)).and(Places::of(30));
        assert_eq!(places.which_are_in(Places::first(2)), Places::of(0));
        assert_eq!(places.without(Places::first(3)), Places::of(30));
        let taken: Vec<_> = std::iter::from_fn(|| places.next()).collect();
        assert_eq!(taken, [0, 2, 30]);
        assert!(places.is_empty());
        assert!(Places::first(31).has(30) && !Places::first(31).has(31));
    }
}
