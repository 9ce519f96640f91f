"""Protocol section 2: answers leave in the order of the requests; design section 4: the window."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assa.window import Pending, Window


def pending(name: str = "A", begun: float = 0.0) -> Pending:
    """Return a request."""
    return Pending(name, f"q-{name}", begun)


class WindowTestCase(SynchronousTestCase):
    def setUp(self):
        """Have what each test starts with."""
        self.sent: list[bytes] = []
        self.window = Window(3, self.sent.append)

    def entered(self, *names: str) -> list[Pending]:
        """Return requests that have entered, in order."""
        requests = [pending(name, number) for number, name in enumerate(names)]
        for request in requests:
            self.window.enter(request)
        return requests


class OrderTests(WindowTestCase):
    @given(st.permutations(range(12)))
    def test_any_order(self, order):
        """However the answers come about, they leave in the order of the requests (section 2)."""
        sent: list[bytes] = []
        window = Window(12, sent.append)
        requests = [pending(str(number)) for number in range(12)]
        for request in requests:
            window.enter(request)
        for number in order:
            self.assertTrue(window.settle(requests[number], b"%d" % number))
            done = sum(answered.answer is not None for answered in requests)
            self.assertLessEqual(len(sent), done)
        self.assertEqual(sent, [b"%d" % number for number in range(12)])
        self.assertEqual(len(window), 0)

    def test_waits_for_its_turn(self):
        """A late answer holds the earlier ones of later requests."""
        first, second = self.entered("A", "B")
        self.window.settle(second, b"2")
        self.assertEqual(self.sent, [])
        self.window.settle(first, b"1")
        self.assertEqual(self.sent, [b"1", b"2"])

    def test_without_answer(self):
        """A request that gets no answer (section 2: SDP and its like) makes room and sends nothing."""
        first, second = self.entered("A", "B")
        self.window.settle(first, b"")
        self.assertEqual(self.sent, [])
        self.window.settle(second, b"2")
        self.assertEqual((self.sent, len(self.window)), ([b"2"], 0))

    def test_once(self):
        """A second answer to one request, after its time-out, goes nowhere (section 3)."""
        first, second = self.entered("A", "B")
        self.assertTrue(self.window.settle(second, b"overdue"))
        self.assertFalse(self.window.settle(second, b"late"))
        self.window.settle(first, b"1")
        self.assertFalse(self.window.settle(first, b"late"))
        self.assertEqual(self.sent, [b"1", b"overdue"])


class SizeTests(WindowTestCase):
    def test_full(self):
        """A full window takes nothing more in until the oldest request is answered."""
        first, second, _ = self.entered("A", "B", "C")
        self.assertFalse(self.window.open)
        self.window.settle(second, b"2")
        self.assertFalse(self.window.open)
        self.window.settle(first, b"1")
        self.assertTrue(self.window.open)

    def test_begun_before(self):
        """The unanswered requests of before a moment are those that are overdue."""
        first, second, _third = self.entered("A", "B", "C")
        self.window.settle(second, b"2")
        self.assertEqual(list(self.window.begun_before(1.0)), [first])
        self.assertEqual(list(self.window.begun_before(-1.0)), [])

    def test_settled_while_looking(self):
        """What is overdue can be answered while the others are looked at."""
        self.entered("A", "B", "C")
        for overdue in self.window.begun_before(9.0):
            self.window.settle(overdue, b"overdue")
        self.assertEqual(self.sent, [b"overdue"] * 3)

    def test_forget(self):
        """When the client is gone, nothing is sent and nothing is held."""
        first, _ = self.entered("A", "B")
        self.window.forget()
        self.assertFalse(self.window.settle(first, b"1"))
        self.assertEqual((self.sent, len(self.window)), ([], 0))
        self.assertTrue(self.window.open)


class AloneTests(WindowTestCase):
    def setUp(self):
        """Have what each test starts with."""
        super().setUp()
        self.begun: list[str] = []

    def enter_alone(self, name: str = "X") -> Pending:
        """Return a request that has entered and runs alone."""
        request = pending(name, 5.0)
        self.window.enter_alone(request, lambda: self.begun.append(name))
        return request

    def test_at_once(self):
        """In an empty window it begins at once, and nothing comes in until it is answered."""
        alone = self.enter_alone()
        self.assertEqual((self.begun, self.window.open), (["X"], False))
        self.window.settle(alone, b"x")
        self.assertEqual((self.sent, self.window.open), ([b"x"], True))

    def test_after_the_others(self):
        """It begins when all before it are answered (section 3: CONNECT, DISCONNECT)."""
        first, second = self.entered("A", "B")
        self.enter_alone()
        self.window.settle(second, b"2")
        self.assertEqual(self.begun, [])
        self.window.settle(first, b"1")
        self.assertEqual(self.begun, ["X"])
        self.assertFalse(self.window.open)

    def test_overdue_before_it_begins(self):
        """One that is overdue before it could begin never begins."""
        (first,) = self.entered("A")
        alone = self.enter_alone()
        self.window.settle(alone, b"overdue")
        self.assertTrue(self.window.open)
        self.window.settle(first, b"1")
        self.assertEqual((self.begun, self.sent), ([], [b"1", b"overdue"]))

    def test_forgotten(self):
        """One that waits when the client goes never begins."""
        (first,) = self.entered("A")
        self.enter_alone()
        self.window.forget()
        self.window.settle(first, b"1")
        self.assertEqual((self.begun, self.window.open), ([], True))

    def test_answered_while_beginning(self):
        """One that is answered in the moment that it begins leaves the window open."""
        alone = pending("X")
        self.window.enter_alone(alone, lambda: self.window.settle(alone, b"x"))
        self.assertEqual((self.sent, self.window.open, len(self.window)), ([b"x"], True, 0))
