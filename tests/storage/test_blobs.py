"""What every store of files promises: :class:`assa.files.FileStore`."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from assa.files import WRITE_BYTES, Missing, StoreFull
from assa.files.disk import DiskStore
from assa.files.threads import Threads

CONTENT = bytes(range(256)) * 600


class BlobContractMixin:
    """The contract; a TestCase with `make_store` runs it."""

    def setUp(self):
        """Make a store."""
        self.store = self.make_store()

    async def written(self, content=CONTENT):
        """Write a content and return its blob."""
        writing = await self.store.begin()
        for first in range(0, len(content), WRITE_BYTES):
            await writing.write(content[first : first + WRITE_BYTES])
        return await writing.finish()

    async def content_of(self, name):
        """Return the whole content of a blob."""
        reading = await self.store.open(name)
        try:
            found, start = b"", 0
            while data := await reading.read(start, 10_000):
                found, start = found + data, start + len(data)
            return found
        finally:
            await reading.close()

    async def all_names(self, older_s=-1.0):
        """Return the names of all blobs."""
        shards = [await self.store.names(f"{one:02x}", older_s=older_s) for one in range(256)]
        return sorted(name for names in shards for name in names)

    async def test_written(self):
        """What was written can be read; the blob has its size and its SHA-256, with which its name begins."""
        blob = await self.written()
        self.assertEqual((blob.size, blob.digest), (len(CONTENT), hashlib.sha256(CONTENT).hexdigest()))
        self.assertTrue(blob.name.startswith(blob.digest))
        self.assertEqual(await self.content_of(blob.name), CONTENT)

    async def test_parts(self):
        """Any part can be read; there is nothing behind the end."""
        reading = await self.store.open((await self.written()).name)
        self.assertEqual(await reading.read(1_000, 10), CONTENT[1_000:1_010])
        self.assertEqual(await reading.read(len(CONTENT) - 2, 10), CONTENT[-2:])
        self.assertEqual(await reading.read(len(CONTENT), 10), b"")
        await reading.close()
        await reading.close()

    async def test_names(self):
        """The same content has another name each time; names are listed by their first digits and by age."""
        first, second = await self.written(), await self.written()
        self.assertNotEqual(first.name, second.name)
        self.assertEqual(await self.all_names(), sorted([first.name, second.name]))
        self.assertEqual(await self.all_names(older_s=60), [])

    async def test_abandoned(self):
        """What is abandoned is nowhere, whatever had been written of it; abandoning again is nothing."""
        for pieces in range(3):
            writing = await self.store.begin()
            for _ in range(pieces):
                await writing.write(b"x")
            await writing.abandon()
            await writing.abandon()
        self.assertEqual(await self.all_names(), [])
        self.assertEqual(await self.store.discard(older_s=-1), 0)

    async def test_unfinished(self):
        """What is not finished cannot be seen, and can be discarded once it is old enough."""
        writing = await self.store.begin()
        await writing.write(CONTENT[:100])
        self.assertEqual(await self.all_names(), [])
        self.assertEqual(await self.store.discard(older_s=60), 0)
        self.assertEqual(await self.store.discard(older_s=-1), 1)
        await writing.abandon()

    async def test_removed(self):
        """A removed blob is gone, but for who is reading it; removing it again is nothing."""
        blob, other = await self.written(), await self.written()
        reading = await self.store.open(blob.name)
        await self.store.remove(blob.name)
        await self.store.remove(blob.name)
        self.assertEqual(await reading.read(0, 5), CONTENT[:5])
        await reading.close()
        with self.assertRaises(Missing):
            await self.store.open(blob.name)
        self.assertEqual(await self.content_of(other.name), CONTENT)

    async def test_side_by_side(self):
        """Contents that are written side by side do not mix."""
        contents = [bytes([number]) * 100_000 for number in range(20)]
        blobs = await gatherResults([Deferred.fromCoroutine(self.written(one)) for one in contents])
        self.assertEqual([await self.content_of(one.name) for one in blobs], contents)


class DiskTests(BlobContractMixin, TestCase):
    """On a disk, with threads."""

    def make_store(self):
        """Make a store in a directory of its own."""
        directory = tempfile.TemporaryDirectory(prefix="assa-blobs-")
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        store = DiskStore(self.directory / "files", Threads(reactor).do)
        store.prepare()
        return store

    async def test_modes(self):
        """Nobody but the server's user can read them."""
        await self.written()
        for one in (self.directory / "files").rglob("*"):
            self.assertEqual(stat.S_IMODE(one.stat().st_mode), 0o700 if one.is_dir() else 0o600, one)

    async def test_durable(self):
        """The content and every name on the way to it are flushed to the disk before it is finished."""
        synced = []
        fsync = os.fsync

        def remembered(file):
            synced.append(Path(f"/proc/self/fd/{file}").readlink())
            fsync(file)

        self.patch(os, "fsync", remembered)
        blob = await self.written()
        blobs = self.directory / "files" / "blobs"
        self.assertEqual(synced[0].parent.name, "incoming")
        self.assertEqual(synced[1:], [blobs, blobs / blob.name[:2]])

    async def test_full(self):
        """A full disk is told as such, wherever it shows."""
        device = os.open("/dev/full", os.O_WRONLY)
        self.addCleanup(os.close, device)
        self.store.write = lambda _, data: os.write(device, data)
        writing = await self.store.begin()
        with self.assertRaises(StoreFull):
            await writing.write(b"x")
        await writing.abandon()
        self.assertEqual(list((self.directory / "files" / "incoming").iterdir()), [])

    async def test_names_of_others(self):
        """A name that is none of ours never becomes a path."""
        for name in ("", "..", "../../etc/passwd", "/etc/passwd", "ab" * 32, "ab" * 32 + "-0123456\n"):
            with self.assertRaises(ValueError):
                await self.store.open(name)
            with self.assertRaises(ValueError):
                await self.store.remove(name)

    async def test_not_usable(self):
        """A directory that cannot be made is an error at the start."""
        plain = self.directory / "plain"
        plain.write_text("")
        self.assertRaises(OSError, DiskStore(plain, deferToThread).prepare)

    async def test_threads(self):
        """What a function raises is raised where it is waited for; the threads go on."""
        threads = Threads(reactor, 2)
        with self.assertRaises(ZeroDivisionError):
            await threads.do(lambda: 1 // 0)
        self.assertEqual(await gatherResults([threads.do(lambda: 1) for _ in range(10)]), [1] * 10)
