"""Downloads against a real server that breaks off, lies, stalls and redirects."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from filterlab.caffe.files import sweep
from filterlab.errors import FilterLabError
from filterlab.progress import Progress, run_job
from filterlab.zoo import catalogue
from filterlab.zoo.digest import Digest
from filterlab.zoo.download import DownloadProgress, download_job, sweep_downloads

BODY = np.random.default_rng(7).bytes(700_000)
DIGEST = Digest("sha1", hashlib.sha1(BODY).hexdigest())


def get(
    site: Any,
    target: Path,
    clock: Any,
    path: str = "/net.caffemodel",
    size: int | None = len(BODY),
    digest: Digest | None = DIGEST,
    **more: Any,
) -> list[Progress]:
    seen: list[Progress] = []
    job = download_job([site.url + path], target, size=size, digest=digest, clock=clock, **more)
    assert run_job(job, seen.append) == target
    return seen


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "caffenet" / "net.caffemodel"


def alone(target: Path) -> bool:
    """Whether the file is there, whole, and nothing else in its folder."""
    return target.read_bytes() == BODY and os.listdir(target.parent) == [target.name]


def nothing(target: Path) -> bool:
    return not target.parent.exists() or os.listdir(target.parent) == []


def test_plain(site: Any, target: Path, clock: Any) -> None:
    site.files["/net.caffemodel"] = BODY
    seen = get(site, target, clock)
    assert alone(target)
    bytes_seen = [p for p in seen if p.step.startswith("Getting")]
    assert all(isinstance(p, DownloadProgress) for p in seen)
    assert bytes_seen[-1].done == bytes_seen[-1].total == len(BODY)
    assert [p.done for p in bytes_seen] == sorted(p.done for p in bytes_seen)
    assert "0.7 of 0.7 MB" in bytes_seen[-1].message


def test_speed_and_time_left_are_data(site: Any, target: Path) -> None:
    class Ticking:
        """A second passes at every look."""

        now = 0.0

        def monotonic(self) -> float:
            self.now += 1.0
            return self.now

        def sleep(self, seconds: float) -> None:
            self.now += seconds

    site.files["/net.caffemodel"] = BODY
    seen = get(site, target, Ticking())
    last = [p for p in seen if isinstance(p, DownloadProgress) and p.speed > 0]
    # Bytes since the first mark over the seconds since then, whatever the chunks were.
    for count, p in enumerate(last[:5], start=1):
        assert p.speed == pytest.approx(p.done / count)
        assert p.seconds_left == pytest.approx((p.total - p.done) / p.speed)
    assert "MB/s" in last[0].message
    assert "left" in last[0].message


@pytest.mark.parametrize("size", [len(BODY), None])
def test_resumes_after_each_break(site: Any, target: Path, clock: Any, size: int | None) -> None:
    site.files["/net.caffemodel"] = BODY
    site.break_after = [200_000, 200_000, 200_000]
    get(site, target, clock, size=size)
    assert alone(target)
    ranges = [headers.get("Range") for _, headers in site.requests]
    assert ranges == [None, "bytes=200000-", "bytes=400000-", "bytes=600000-"]
    assert site.requests[1][1]["If-Range"] == '"v1"'
    assert sum(site.sent) == len(BODY), "no byte came twice"


def test_back_off_doubles_then_gives_up(site: Any, target: Path, clock: Any) -> None:
    site.files["/net.caffemodel"] = BODY
    site.answers = [503] * 9
    with pytest.raises(FilterLabError, match="answered 503"):
        get(site, target, clock)
    assert len(site.requests) == 5
    assert clock.now == pytest.approx(1 + 2 + 4 + 8)
    assert max(clock.slept) <= 0.2, "a pause can be left promptly too"
    assert nothing(target)


def test_retry_after_is_respected(site: Any, target: Path, clock: Any) -> None:
    site.files["/net.caffemodel"] = BODY
    site.answers = [429]
    site.headers = {"Retry-After": "17"}
    get(site, target, clock)
    assert alone(target)
    assert clock.now == pytest.approx(17)


def test_a_break_that_lasts_keeps_the_part(site: Any, target: Path, clock: Any) -> None:
    site.files["/net.caffemodel"] = BODY
    site.break_after = [300_000, 0, 0, 0, 0, 0, 0, 0]
    with pytest.raises(FilterLabError, match="goes on from there"):
        get(site, target, clock)
    assert not target.exists()
    site.requests.clear()
    site.break_after = []
    get(site, target, clock)
    assert alone(target)
    assert site.requests[0][1]["Range"] == "bytes=300000-"


def test_server_without_ranges_starts_over(site: Any, target: Path, clock: Any) -> None:
    site.files["/net.caffemodel"] = BODY
    site.ranges = False
    site.break_after = [300_000]
    get(site, target, clock)
    assert alone(target)
    assert site.sent == [300_000, len(BODY)]


def test_changed_file_starts_over(site: Any, target: Path, clock: Any) -> None:
    old = bytes(300_000)
    target.parent.mkdir()
    target.with_name("net.caffemodel.part").write_bytes(old)
    target.with_name("net.caffemodel.part.json").write_text(
        f'{{"url": "{site.url}/net.caffemodel", "validator": "\\"v0\\""}}'
    )
    site.files["/net.caffemodel"] = BODY
    get(site, target, clock, digest=None)
    assert alone(target)
    assert site.requests[0][1]["If-Range"] == '"v0"'
    assert site.sent == [len(BODY)]


def test_a_rotten_part_is_found_out_and_got_anew(site: Any, target: Path, clock: Any) -> None:
    """No ETag, other bytes in the part: the digest tells, and the file is got again."""
    target.parent.mkdir()
    target.with_name("net.caffemodel.part").write_bytes(bytes(300_000))
    site.files["/net.caffemodel"] = BODY
    site.etag = ""
    get(site, target, clock)
    assert alone(target)
    assert site.sent == [400_000, len(BODY)]


def test_wrong_bytes_are_refused(site: Any, target: Path, clock: Any) -> None:
    site.files["/net.caffemodel"] = bytes(len(BODY))
    with pytest.raises(FilterLabError, match=r"its sha1 is .*nothing was kept"):
        get(site, target, clock)
    assert len(site.requests) == 1
    assert nothing(target)


def test_a_good_file_survives_a_bad_download(site: Any, target: Path, clock: Any) -> None:
    target.parent.mkdir()
    target.write_bytes(BODY)
    site.files["/net.caffemodel"] = bytes(len(BODY))
    with pytest.raises(FilterLabError):
        get(site, target, clock)
    assert alone(target)


def test_another_length_is_refused_before_a_byte_is_kept(
    site: Any, target: Path, clock: Any
) -> None:
    site.files["/net.caffemodel"] = b"<html>Please log in to the hotel's network</html>"
    with pytest.raises(FilterLabError, match=r"offers 49 bytes, but .* has 700,000"):
        get(site, target, clock)
    assert nothing(target)


@pytest.mark.parametrize("claim", [len(BODY) + 5000, len(BODY) - 5000])
def test_a_lie_about_the_length(site: Any, target: Path, clock: Any, claim: int) -> None:
    """The length is not known beforehand; the server claims too much or too little."""
    site.files["/net.caffemodel"] = BODY
    site.claim = claim
    with pytest.raises(FilterLabError, match=r"broke off|its sha1 is|another"):
        get(site, target, clock, size=None)
    assert not target.exists()


def test_too_many_bytes_without_a_length(site: Any, target: Path, clock: Any) -> None:
    site.files["/net.caffemodel"] = BODY + b"more"
    site.chunked = True
    with pytest.raises(FilterLabError, match="more than 700,000"):
        get(site, target, clock)
    assert nothing(target)


def test_chunked_and_broken_chunked(site: Any, target: Path, clock: Any) -> None:
    site.files["/net.caffemodel"] = BODY
    site.chunked = True
    site.break_after = [131_072]
    get(site, target, clock, size=None)
    assert alone(target)
    assert site.requests[1][1]["Range"] == "bytes=131072-"


def test_wrong_range_starts_over(site: Any, target: Path, clock: Any) -> None:
    site.files["/net.caffemodel"] = BODY
    site.break_after = [300_000]
    site.wrong_range = 1
    get(site, target, clock)
    assert alone(target)


def test_redirects_are_followed_and_resumed(site: Any, target: Path, clock: Any) -> None:
    site.redirects["/net.caffemodel"] = "/moved"
    site.files["/moved"] = BODY
    site.break_after = [-1, 250_000]
    get(site, target, clock)
    assert alone(target)
    assert [path for path, _ in site.requests] == ["/net.caffemodel", "/moved"] * 2
    assert site.requests[3][1]["Range"] == "bytes=250000-"


def test_endless_redirect_is_an_error(site: Any, target: Path, clock: Any) -> None:
    site.redirects["/net.caffemodel"] = "/net.caffemodel"
    with pytest.raises(FilterLabError, match="302"):
        get(site, target, clock)


def test_redirect_to_a_local_file_is_not_followed(
    site: Any, target: Path, clock: Any, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(BODY)
    site.redirects["/net.caffemodel"] = (tmp_path / "secret").as_uri()
    with pytest.raises(FilterLabError):
        get(site, target, clock)
    assert nothing(target)


def test_not_there(site: Any, target: Path, clock: Any) -> None:
    with pytest.raises(FilterLabError, match="answered 404"):
        get(site, target, clock)
    assert len(site.requests) == 1
    assert nothing(target)


def test_the_next_source_is_tried(site: Any, target: Path, clock: Any) -> None:
    site.files["/b"] = BODY
    job = download_job([f"{site.url}/a", f"{site.url}/b"], target, digest=DIGEST, clock=clock)
    run_job(job)
    assert alone(target)


def test_nobody_listens(target: Path, clock: Any) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    job = download_job([f"http://127.0.0.1:{port}/net"], target, clock=clock)
    with pytest.raises(FilterLabError, match=r"cannot get net\.caffemodel: http.*refused"):
        run_job(job)


def test_a_silent_server_is_asked_anew(site: Any, target: Path, clock: Any) -> None:
    site.silent = True
    with pytest.raises(FilterLabError, match=r"silent for 0\.05 s"):
        get(site, target, clock, timeout=0.05)
    assert len(site.requests) == 5


@pytest.mark.parametrize("how", ["stalls", "silent"])
def test_leaving_takes_under_half_a_second(site: Any, target: Path, how: str) -> None:
    site.files["/net.caffemodel"] = BODY
    if how == "stalls":
        site.stall_after = 300_000
    else:
        site.silent = True
    job = download_job([f"{site.url}/net.caffemodel"], target, size=len(BODY), digest=DIGEST)
    for progress in job:
        if site.reached.is_set() and (how == "silent" or progress.done == 300_000):
            break
    begin = time.monotonic()
    next(job)
    job.close()
    assert time.monotonic() - begin < 0.5
    assert not target.exists()


def test_only_one_at_a_time(site: Any, target: Path, clock: Any) -> None:
    """Two that write one part would spoil it; the second is told, and nothing is left behind."""
    site.files["/net.caffemodel"] = BODY
    first = download_job([f"{site.url}/net.caffemodel"], target, digest=DIGEST, clock=clock)
    next(first)
    with pytest.raises(FilterLabError, match="is being got already"):
        get(site, target, clock)
    run_job(first)
    assert alone(target)
    get(site, target, clock)
    assert alone(target)


def test_offline_is_said_before_long(
    target: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_names(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", no_names)
    with pytest.raises(FilterLabError, match="is this computer online") as caught:
        run_job(download_job(["http://a.invalid/x", "http://b.invalid/x"], target, clock=clock))
    assert str(caught.value).count("online") == 1, "what both said is said once"
    assert clock.now <= 12


def test_proxy_of_the_environment(
    site: Any, target: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.files["/net.caffemodel"] = BODY
    monkeypatch.setenv("http_proxy", site.url)
    job = download_job(["http://models.invalid/net.caffemodel"], target, digest=DIGEST, clock=clock)
    run_job(job)
    assert alone(target)
    assert site.requests[0][0] == "http://models.invalid/net.caffemodel"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
def test_certificates(
    site: Any, target: Path, clock: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unknown to this computer, it is refused at once; known to it, all goes well over TLS."""
    pem = tmp_path / "both.pem"
    subprocess.run(
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout key.pem -out cert.pem "
        "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1".split(),
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    pem.write_text((tmp_path / "key.pem").read_text() + (tmp_path / "cert.pem").read_text())
    site.files["/net.caffemodel"] = BODY
    site.break_after = [300_000]
    url = site.secure(pem)
    job = download_job([url + "/net.caffemodel"], target, digest=DIGEST, clock=clock)
    with pytest.raises(FilterLabError, match="certificate is not trusted"):
        run_job(job)
    assert clock.now == 0, "asking again would not help"
    assert site.requests == []
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    job = download_job([url + "/net.caffemodel"], target, digest=DIGEST, clock=clock)
    run_job(job)
    assert alone(target)
    assert site.requests[1][1]["Range"] == "bytes=300000-"


@pytest.mark.parametrize("form", ["path", "folder", "nested", "url"])
def test_from_a_usb_stick(tmp_path: Path, target: Path, clock: Any, form: str) -> None:
    stick = tmp_path / "Stick 二号"
    folder = stick / "caffenet" if form == "nested" else stick
    folder.mkdir(parents=True)
    file = folder / target.name
    file.write_bytes(BODY)
    source = {"path": str(file), "url": file.as_uri()}.get(form, str(stick))
    run_job(download_job([source], target, size=len(BODY), digest=DIGEST, clock=clock))
    assert alone(target)
    assert file.read_bytes() == BODY


def test_wrong_file_on_the_stick(tmp_path: Path, target: Path, clock: Any) -> None:
    file = tmp_path / "other"
    file.write_bytes(bytes(len(BODY)))
    with pytest.raises(FilterLabError, match="is not"):
        run_job(download_job([str(file)], target, size=len(BODY), digest=DIGEST, clock=clock))
    assert nothing(target)
    with pytest.raises(FilterLabError, match="cannot read it"):
        run_job(download_job([str(tmp_path / "none")], target, clock=clock))


def test_git_blob_digest(site: Any, target: Path, clock: Any) -> None:
    """Against the value that ``git hash-object`` gives for these bytes."""
    site.files["/net.caffemodel"] = b"what is up, doc?"
    digest = Digest("git-blob", "bd9dbf5aae1a3862dd1526723246b20206e5fc37")
    get(site, target, clock, size=16, digest=digest)
    assert target.read_bytes() == b"what is up, doc?"


def test_no_room_is_said_before_the_first_byte(site: Any, target: Path, clock: Any) -> None:
    site.files["/net.caffemodel"] = BODY
    site.claim = 10**16
    with pytest.raises(FilterLabError, match=r"needs .* MB more .* free some space"):
        get(site, target, clock, size=None)
    assert nothing(target)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
@pytest.mark.parametrize("where", ["net", "stick"])
def test_full_disk(site: Any, target: Path, clock: Any, tmp_path: Path, where: str) -> None:
    """A write that fails in the middle: here by a limit on the size of files."""
    import resource

    site.files["/net.caffemodel"] = BODY
    stick = tmp_path / "stick"
    stick.write_bytes(BODY)
    source = f"{site.url}/net.caffemodel" if where == "net" else str(stick)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
    try:
        with pytest.raises(FilterLabError, match="the disk is full"):
            run_job(download_job([source], target, digest=DIGEST, clock=clock))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert nothing(target)


def test_unwritable_folder(site: Any, tmp_path: Path, clock: Any) -> None:
    site.files["/net.caffemodel"] = BODY
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FilterLabError, match=r"cannot write in .*FILTERLAB_MODELS"):
        get(site, tmp_path / "file" / "net.caffemodel", clock)
    assert site.requests == []


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="needs a folder that refuses this user"
)
def test_read_only_folder(site: Any, tmp_path: Path, clock: Any) -> None:
    site.files["/net.caffemodel"] = BODY
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(FilterLabError, match="cannot write in"):
            get(site, tmp_path / "net.caffemodel", clock)
    finally:
        tmp_path.chmod(0o755)


def test_fifty_megabytes_killed_at_half_and_resumed(site: Any, target: Path) -> None:
    """The process that downloads is killed; another goes on where it was."""
    body = np.random.default_rng(8).bytes(50 << 20)
    digest = Digest("sha1", hashlib.sha1(body).hexdigest())
    site.files["/big"] = body
    site.stall_after = len(body) // 2
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from filterlab.progress import run_job\n"
        "from filterlab.zoo.download import download_job\n"
        "run_job(download_job([sys.argv[1]], Path(sys.argv[2])),"
        " lambda p: print(int(p.done), flush=True))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, f"{site.url}/big", str(target)],
        stdout=subprocess.PIPE,
        text=True,
    ) as victim:
        assert victim.stdout is not None
        for line in victim.stdout:
            if int(line) == len(body) // 2:
                break
        victim.kill()
    assert not target.exists()
    assert target.with_name("net.caffemodel.part").stat().st_size == len(body) // 2
    site.stall_after = -1
    site.sent.clear()
    run_job(download_job([f"{site.url}/big"], target, digest=digest))
    assert site.requests[-1][1]["Range"] == f"bytes={len(body) // 2}-"
    assert site.sent == [len(body) // 2]
    assert hashlib.sha1(target.read_bytes()).hexdigest() == digest.value


# What a stranger's server may try.


@pytest.mark.parametrize("scheme", ["ftp", "FTP", "gopher", "data"])
def test_redirects_lead_from_the_web_to_the_web_only(
    site: Any, target: Path, clock: Any, scheme: str
) -> None:
    """Someone listens there, so that following would be seen."""
    with socket.socket() as there:
        there.bind(("127.0.0.1", 0))
        there.listen()
        there.setblocking(False)
        site.redirects["/net.caffemodel"] = f"{scheme}://127.0.0.1:{there.getsockname()[1]}/net"
        with pytest.raises(FilterLabError, match=r"not followed|not allowed") as caught:
            get(site, target, clock, timeout=2.0)
        with pytest.raises(BlockingIOError):
            there.accept()
    assert len(str(caught.value).splitlines()) == 1
    assert nothing(target)
    assert clock.now == 0, "asking again would not help"


@pytest.mark.parametrize("chunked", [True, False])
def test_an_endless_body_is_left(site: Any, target: Path, clock: Any, chunked: bool) -> None:
    """Nobody says how long it is: no size in the catalogue, no length from the server."""
    site.files["/net.caffemodel"] = BODY
    site.chunked = chunked
    site.untold = not chunked
    with pytest.raises(FilterLabError, match="it sent more than 500,000 bytes"):
        get(site, target, clock, size=None, digest=None, most=500_000)
    assert nothing(target)
    get(site, target, clock, size=None, digest=None, most=700_000)
    assert alone(target)


def test_what_a_server_says_stays_one_line(site: Any, target: Path, clock: Any) -> None:
    site.redirects["/net.caffemodel"] = "/net.caffemodel"  # Python's sentence on it has three
    with pytest.raises(FilterLabError, match="302") as caught:
        get(site, target, clock)
    assert len(str(caught.value).splitlines()) == 1
    site.redirects.clear()
    site.files["/net.caffemodel"] = BODY
    site.headers = {"Content-Encoding": "x" * 5000 + "\x1b[2J"}
    with pytest.raises(FilterLabError, match="packed") as caught:
        get(site, target, clock)
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()
    with pytest.raises(FilterLabError) as caught:
        run_job(download_job(["http://127.0.0.1:1/a\nb"], target, clock=clock))
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(("said", "waited"), [("59", 59), ("61", 60), ("86400", 60), ("soon", 1)])
def test_retry_after_has_an_end(
    site: Any, target: Path, clock: Any, said: str, waited: int
) -> None:
    site.files["/net.caffemodel"] = BODY
    site.answers = [503]
    site.headers = {"Retry-After": said}
    seen = get(site, target, clock)
    assert clock.now == pytest.approx(waited)
    waiting = [p.message for p in seen if "again in" in p.message]
    assert waiting[0].endswith(f"again in {waited} s")


@pytest.mark.parametrize("off", [1, -1, -300_000])
def test_a_part_goes_where_the_server_says_it_belongs(
    site: Any, target: Path, clock: Any, off: int
) -> None:
    """No digest would tell: bytes from another place must not be put behind the part."""
    site.files["/net.caffemodel"] = BODY
    site.break_after = [300_000]
    site.wrong_range = off
    get(site, target, clock, size=None, digest=None)
    assert alone(target)
    asked = [headers.get("Range") for _, headers in site.requests]
    assert asked == [None, "bytes=300000-", None]


def test_some_of_the_disk_stays_free(
    site: Any, target: Path, clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """32 MiB beside the file."""
    site.files["/net.caffemodel"] = BODY
    free = len(BODY) + (32 << 20) - 1
    usage = shutil.disk_usage(target.parent.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=free))
    with pytest.raises(FilterLabError, match=r"needs 1 MB more in .*, which has 34 MB free"):
        get(site, target, clock)
    free += 1
    get(site, target, clock)
    assert alone(target)


# What dead processes left.

_GONE = 99_999_999  # a number that no process has


def test_what_dead_processes_left_is_swept(tmp_path: Path) -> None:
    models = tmp_path / "models"
    folder = models / "net"
    folder.mkdir(parents=True)
    old = time.time() - 4000
    stays = [folder / "a.caffemodel.part", folder / "a.caffemodel.part.json"]  # to go on from
    goes = [
        folder / "b.caffemodel.part",  # b is there
        folder / "b.caffemodel.part.json",
        folder / "c.caffemodel.part.json",
        folder / "c.caffemodel.part.lock",
        models / "flat.caffemodel.part.lock",
    ]
    stays.append(folder / "b.caffemodel")
    for path in [*stays, *goes]:
        path.write_bytes(b"x")
    sweep_downloads(models)
    assert sorted(p for p in models.rglob("*") if p.is_file()) == sorted(stays)
    # Parts of processes that are gone, unless they were just written; nothing else of such a name.
    young = folder / f".net.h5.{_GONE}-ab_d1234.part"
    dead = folder / f".net.h5.{_GONE}-zb_d1234.part"
    made = models / f".net.{_GONE}-ab_d1234.part"
    made.mkdir()
    for path in (young, dead, made / "x", folder / ".x.part", folder / f"x.{_GONE}-ab_d1234.part"):
        path.write_bytes(b"x")
        if path is not young:
            os.utime(path, (old, old))
    os.utime(made, (old, old))
    sweep(models)
    sweep(folder)
    left = {path.name for path in (*models.iterdir(), *folder.iterdir())}
    assert not left & {dead.name, made.name}
    assert left >= {young.name, ".x.part", f"x.{_GONE}-ab_d1234.part"}
    sweep(tmp_path / "nowhere")


def test_a_download_under_way_is_not_swept(site: Any, target: Path, clock: Any) -> None:
    site.files["/net.caffemodel"] = BODY
    target.parent.mkdir()
    target.write_bytes(b"an older one")
    job = download_job([f"{site.url}/net.caffemodel"], target, digest=DIGEST, clock=clock)
    for progress in job:
        if progress.done:
            break
    sweep_downloads(target.parent.parent)
    run_job(job)
    assert alone(target)


def test_the_models_folder_is_swept_when_it_is_first_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FILTERLAB_MODELS", str(tmp_path))
    names = f".catalogue.toml.{_GONE}-ab_d1234.part", f".n.{_GONE}-ab_d1234.part"
    dead = [tmp_path / names[0], tmp_path / "net" / names[1]]
    dead[1].parent.mkdir()
    for path in dead:
        path.write_bytes(b"x")
        os.utime(path, (1e9, 1e9))
    catalogue.entries()
    assert not any(path.exists() for path in dead)
