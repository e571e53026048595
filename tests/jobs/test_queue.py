"""Jobs: their states, their leases, and what is said about the dead."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from sqlalchemy import update

from tunesmith.errors import Busy, NotFound
from tunesmith.jobs import queue as module
from tunesmith.jobs.queue import LOSSES, TTL_S, holder
from tunesmith.store.tables import JOBS

ME = holder(os.getpid())
ELSEWHERE = "another-host:1"


@pytest.fixture
def dead():
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    return holder(gone.pid)


def test_a_job_waits_runs_and_ends(queue):
    job = queue.enqueue("run", "run router", {"project": "p.toml"})
    assert (job.status, job.payload) == ("queued", {"project": "p.toml"})
    assert queue.get(job.id) == job
    running = queue.lease(job.id, ME)
    assert (running.status, running.holder) == ("running", ME)
    assert running.started_at >= job.created_at
    done = queue.finish(job.id, {"artifact": "line-1"})
    assert (done.status, done.result, done.holder) == ("succeeded", {"artifact": "line-1"}, None)
    assert done == queue.get(job.id)


def test_get_takes_unique_prefixes_and_latest(queue):
    first, second = queue.enqueue("data", "a", {}), queue.enqueue("data", "b", {})
    assert queue.get(first.id[:10]).id == first.id
    assert queue.get(first.id.removeprefix("job-")[:6]).id == first.id
    assert queue.get("latest").id == second.id
    with pytest.raises(NotFound, match="could be any of 2"):
        queue.get("job-")
    with pytest.raises(NotFound, match="there is no such job"):
        queue.get("zz")
    with pytest.raises(NotFound, match="there is no such job"):
        queue.interrupt("zz")


def test_list_is_newest_first_and_by_status(queue):
    ids = [queue.enqueue("data", str(n), {}).id for n in range(3)]
    queue.cancel(ids[1])
    assert [j.id for j in queue.newest()] == ids[::-1]
    assert [j.id for j in queue.newest(limit=2)] == ids[:0:-1]
    assert [j.id for j in queue.newest(status="cancelled")] == [ids[1]]


def test_one_live_holder_at_a_time_unless_it_hands_on(queue):
    job = queue.enqueue("run", "router", {})
    queue.lease(job.id, ME)
    with pytest.raises(Busy, match="running already") as caught:
        queue.lease(job.id, ELSEWHERE)
    assert caught.value.problems[0].got == f"{ME}, router"
    assert queue.lease(job.id, ELSEWHERE, over=ME).holder == ELSEWHERE
    assert queue.hand_on(job.id, ME, "third:3").holder == ELSEWHERE  # ME does not have it any more
    assert queue.hand_on(job.id, ELSEWHERE, ME).holder == ME
    queue.finish(job.id, {})
    with pytest.raises(NotFound, match="succeeded already"):
        queue.lease(job.id, ME)


def test_a_dead_process_on_this_host_means_interrupted_at_once(queue, dead):
    job = queue.enqueue("run", "router", {})
    queue.lease(job.id, dead)
    found = queue.get(job.id)
    assert (found.status, found.error["code"]) == ("interrupted", "interrupted")
    assert found.error["problems"][0]["got"] == f"last held by {dead}"
    assert queue.requeue(job.id).status == "queued"
    assert queue.lease(job.id, ME).holder == ME


def test_a_stale_heartbeat_means_interrupted_and_waking_up_takes_it_back(queue):
    job = queue.enqueue("run", "router", {})
    queue.lease(job.id, ELSEWHERE, ttl_s=-1)
    assert queue.newest()[0].status == "interrupted"
    assert queue.heartbeat(job.id, ELSEWHERE)
    assert (queue.get(job.id).status, queue.get(job.id).error) == ("running", None)


def test_a_killed_job_ended_at_its_last_heartbeat_however_late_somebody_looks(queue, dead):
    job = queue.enqueue("run", "router", {})
    queue.lease(job.id, dead)
    begun = time.time() - 321
    with queue.database.write() as connection:  # leased 321 s ago, its last heartbeat 8 s later
        connection.execute(update(JOBS).where(JOBS.c.id == job.id).values(started_at=begun, lease_until=begun + 8 + TTL_S))
    found = queue.get(job.id)
    assert found.status == "interrupted"
    assert found.finished_at - found.started_at == pytest.approx(8, abs=1e-3)


def test_a_job_that_was_killed_before_its_first_heartbeat_took_no_time(queue, dead):
    job = queue.enqueue("run", "router", {})
    queue.lease(job.id, dead, ttl_s=1)
    found = queue.get(job.id)
    assert found.finished_at == found.started_at


def test_a_heartbeat_after_losing_the_job_is_refused(queue):
    job = queue.enqueue("run", "router", {})
    queue.lease(job.id, ELSEWHERE, ttl_s=-1)
    queue.lease(job.id, ME)
    assert not queue.heartbeat(job.id, ELSEWHERE)
    queue.finish(job.id, {})
    assert not queue.heartbeat(job.id, ME)
    assert queue.get(job.id).status == "succeeded"


def test_a_running_job_is_asked_to_stop_and_a_waiting_one_is_stopped(queue):
    waiting, running = queue.enqueue("run", "a", {}), queue.enqueue("run", "b", {})
    queue.lease(running.id, ME)
    for job in (waiting, running):
        queue.interrupt(job.id)
    assert queue.get(waiting.id).status == "interrupted"
    assert (queue.get(running.id).status, queue.stop_asked(running.id)) == ("running", "interrupt")


def test_cancelled_is_cancelled_at_once_whatever_its_worker_still_says(queue):
    waiting, running = queue.enqueue("run", "a", {}), queue.enqueue("run", "b", {})
    queue.lease(running.id, ME)
    assert {queue.cancel(job.id).status for job in (waiting, running)} == {"cancelled"}
    assert not queue.heartbeat(running.id, ME)
    assert queue.finish(running.id, {"answer": 42}).status == "cancelled"
    assert queue.fail(running.id, {"code": "alarm"}).error is None
    with pytest.raises(Busy, match="has ended already"):
        queue.cancel(running.id)


def test_a_paused_job_waits_for_its_user_and_goes_on(queue):
    waiting, running = (queue.enqueue("finetune", name, {}, shared=True) for name in "ab")
    queue.lease(running.id, ME)
    assert queue.pause(waiting.id).status == "paused"
    assert queue.pause(running.id).stop == "pause"
    assert queue.fail(running.id, {"code": "interrupted"}).status == "paused"
    assert [(job.status, job.stop) for job in map(queue.resume, (waiting.id, running.id))] == [("queued", None)] * 2
    with pytest.raises(Busy, match="is not paused"):
        queue.resume(running.id)


def test_resumed_before_it_had_stopped_it_waits_for_its_turn(queue):
    job = queue.enqueue("finetune", "a", {}, shared=True)
    queue.lease(job.id, ME)
    queue.pause(job.id)
    queue.resume(job.id)
    assert queue.fail(job.id, {"code": "interrupted"}).status == "queued"


def test_a_lost_shared_job_waits_a_little_longer_each_time_and_gives_up_in_the_end(queue, dead, monkeypatch):
    monkeypatch.setattr(module, "BACK_OFF_S", module.LONGEST_BACK_OFF_S)  # longer than any stall between two looks at it
    job = queue.enqueue("finetune", "a", {}, shared=True)
    for loss in range(1, LOSSES):
        queue.lease(job.id, dead)
        found = queue.get(job.id)
        assert (found.status, found.attempts, found.holder) == ("queued", loss, None)
        assert queue.claim(ME, 1) is None, "it is tried again only after a while"
    queue.lease(job.id, dead)
    found = queue.get(job.id)
    assert (found.status, found.error["code"]) == ("failed", "interrupted")
    assert f"lost {LOSSES} times" in found.error["message"]


def test_a_job_that_gets_on_is_forgiven_its_losses(queue, dead):
    job = queue.enqueue("finetune", "a", {}, shared=True)
    for _ in range(LOSSES + 1):
        queue.lease(job.id, dead)
        assert queue.get(job.id).status == "queued"
        queue.got_on(job.id)


def test_a_job_that_was_to_pause_and_died_is_paused(queue, dead):
    job = queue.enqueue("finetune", "a", {}, shared=True)
    queue.lease(job.id, dead)
    queue.pause(job.id)
    assert queue.get(job.id).status == "paused"


def test_a_claim_takes_shared_jobs_only_and_one_per_device(queue):
    queue.enqueue("run", "of a command", {})
    first, second = (queue.enqueue("finetune", name, {}, shared=True, phase="training") for name in "ab")
    light = queue.enqueue("finetune", "c", {}, shared=True, phase="validating")
    assert queue.claim(ME, 1).id == first.id
    assert queue.claim(ME, 1).id == light.id, "looking at files needs no device"
    assert queue.claim(ME, 1) is None
    queue.finish(first.id, {})
    assert queue.claim(ME, 1).id == second.id


def test_nothing_is_claimed_while_the_worker_of_a_job_that_has_ended_may_still_have_its_device(queue):
    first, second = (queue.enqueue("finetune", name, {}, shared=True) for name in "ab")
    assert queue.claim(ME, 1, followed=[]).id == first.id
    queue.cancel(first.id)
    assert queue.claim(ME, 1, followed=[first.id]) is None
    assert queue.get(second.id).status == "queued"
    assert queue.claim(ME, 1, followed=[]).id == second.id, "once it is buried"


def test_pages_of_jobs_hold_each_once(queue):
    names = [f"ftjob-{n}" for n in range(7)]
    for name in names:
        queue.enqueue("finetune", name, {}, name=name, shared=True, owner="key-1")
    queue.enqueue("finetune", "another's", {}, owner="key-2")
    queue.enqueue("run", "another kind", {}, owner="key-1")
    seen, after, more = [], None, True
    while more:
        page, more = queue.page("finetune", owner="key-1", after=after, limit=3)
        seen += [job.id for job in page]
        after = seen[-1]
    assert seen == names[::-1]
    with pytest.raises(NotFound):
        queue.page("finetune", after="ftjob-9")


def test_a_failure_is_a_failure_and_a_live_job_is_not_requeued(queue):
    job = queue.enqueue("run", "a", {})
    queue.lease(job.id, ME)
    with pytest.raises(Busy):
        queue.requeue(job.id)
    assert queue.fail(job.id, {"code": "alarm", "message": "m", "problems": []}).status == "failed"
    queue.requeue(job.id)
    assert (queue.get(job.id).error, queue.is_stopping(job.id)) == (None, False)


def set_clock(queue, job, **values):
    with queue.database.write() as connection:
        connection.execute(update(JOBS).where(JOBS.c.id == job.id).values(**values))


def ago(seconds):
    return time.time() - seconds


def test_the_time_of_a_job_is_that_in_which_it_was_held(queue):
    job = queue.enqueue("run", "router", {}, shared=True)
    assert queue.get(job.id).worked(time.time()) == 0
    claimed = queue.claim(ME, 1)
    assert claimed.held_since == claimed.started_at
    set_clock(queue, job, started_at=ago(4_000), held_since=ago(300))  # five minutes so far
    queue.pause(job.id)
    paused = queue.fail(job.id, {"code": "interrupted"})
    assert (paused.status, paused.held_since) == ("paused", None)
    assert paused.worked_s == pytest.approx(300, abs=5)
    assert paused.worked(time.time() + 3_600) == paused.worked_s  # an hour goes by
    queue.resume(job.id)
    again = queue.claim(ME, 1)
    assert again.started_at == pytest.approx(ago(4_000), abs=5)
    assert again.worked(again.held_since + 60) == pytest.approx(360, abs=5)
    waiting = queue.wait_again(job.id, ME)
    assert (waiting.status, waiting.held_since) == ("queued", None)


def test_handing_on_goes_on_counting(queue):
    job = queue.enqueue("run", "router", {})
    queue.lease(job.id, ME)
    set_clock(queue, job, held_since=ago(100))
    assert queue.lease(job.id, ELSEWHERE, over=ME).worked(time.time()) == pytest.approx(100, abs=5)
    assert queue.hand_on(job.id, ELSEWHERE, ME).worked(time.time()) == pytest.approx(100, abs=5)
    assert queue.heartbeat(job.id, ME)
    found = queue.finish(job.id, {})
    assert found.held_since is None
    assert found.worked_s == pytest.approx(100, abs=5)


@pytest.mark.parametrize("how", ["looked at", "leased", "requeued"])
def test_a_dead_holder_has_worked_until_its_last_heartbeat(queue, dead, how):
    job = queue.enqueue("run", "router", {})
    queue.lease(job.id, dead)
    set_clock(queue, job, started_at=ago(3_600), held_since=ago(3_600), lease_until=ago(3_600) + 8 + TTL_S)
    if how == "looked at":
        queue.mend()
    found = queue.lease(job.id, ME) if how == "leased" else queue.requeue(job.id)
    assert found.worked_s == pytest.approx(8, abs=1)


def test_a_holder_that_was_asleep_has_not_worked(queue):
    job = queue.enqueue("run", "router", {})
    queue.lease(job.id, ELSEWHERE)
    set_clock(queue, job, started_at=ago(3_600), held_since=ago(3_600), lease_until=ago(3_600) + 8 + TTL_S)
    assert queue.heartbeat(job.id, ELSEWHERE)
    assert queue.get(job.id).worked(time.time()) == pytest.approx(8, abs=5)
