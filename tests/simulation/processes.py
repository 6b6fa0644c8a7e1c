"""Processes start, give way to those of a newer release, and die; the log loses its end."""

from events.topics import GATEWAYS as GATEWAY_EVENTS
from infra.log_reader import Place
from tests.simulation.cassandra import Cassandra
from tests.simulation.gateway import SimulatedGateway
from tests.simulation.groups import Group
from tests.simulation.inhabitants import Inhabitants
from tests.simulation.releases import News
from tests.simulation.worker import BACK, FRONT, Worker

GATEWAYS = ("gateway-1", "gateway-2")


class Processes(Inhabitants):
    """A world whose workers and gateways come and go."""

    def start(self) -> None:
        """Two worker processes, two gateways."""
        for roles in (FRONT, BACK):
            self.start_worker(roles)
        for name in GATEWAYS:
            self.start_gateway(name)

    def start_worker(self, roles: tuple[str, ...], news: News | None = None) -> None:
        """One more process with these roles; of either release while a newer one is rolled out."""
        if self.upgraded or (self.news is not None and self.random.random() < 0.5):
            news = self.news
        self.workers.append(Worker(self.parts, f"worker-{len(self.story)}", roles, news))

    def start_gateway(self, name: str) -> None:
        """This gateway under a new epoch."""
        gateway = SimulatedGateway(self.parts, name, f"epoch{len(self.story)}")
        self.gateways = [one for one in self.gateways if one.id != name] + [gateway]

    def upgrade(self) -> None:
        """The older release is taken away, if there is a newer one."""
        self.upgraded = True
        for worker in self.workers:
            for source in worker.sources:
                if source.progress.stopped and (worker.news, self.news) != (None, "event"):
                    found = f"fault: {source.group} stopped: {source.progress.stopped}"
                    self.parts.findings.append(found)
            if worker.news != self.news:
                worker.kill()
        self.workers = [one for one in self.workers if one.process.alive]

    def restart_workers(self) -> None:
        """Every worker process dies, and another is started in its place."""
        for worker in [one for one in self.workers if one.process.alive]:
            worker.kill()
            self.workers.remove(worker)
            self.start_worker(worker.roles)  # type: ignore[arg-type]

    def commit_all(self) -> None:
        """Every consumer of a living worker commits what it stored."""
        for worker in self.workers:
            for consumer in worker.consumers:
                if worker.process.alive:
                    consumer.commit_stored()

    def lose(self, place: Place, records: int) -> None:
        """A partition loses so many records of its end; the next record gets the first offset."""
        self.parts.log.changes += 1
        kept = self.parts.log.partitions[place]
        self.lost += kept[max(0, len(kept) - records) :]
        del kept[max(0, len(kept) - records) :]
        self.parts.log.starts[place] = min(self.parts.log.start(place), len(kept))
        self.poison = [one for one in self.poison if one[:2] != place or one[2] < len(kept)]

    def begin_another_generation(self) -> None:
        """What docs/deploying.md says to do when facts were lost or restored."""
        self.parts.log_generation += 1
        self.commits.forget()
        self.parts.redis.lose_everything()
        self.parts.cassandra = Cassandra()
        for group in ("history", "receipts"):
            self.parts.group(group).committed.clear()
        self.stop_everything()
        for gateway in list(self.gateways):
            self.start_gateway(gateway.id)
        for roles in (FRONT, BACK):
            self.start_worker(roles)

    def stop_everything(self) -> None:
        """No process of ours is left, nor anything that it asked for."""
        for gateway in self.gateways:
            if gateway.process.alive:
                gateway.kill()
        for worker in self.workers:
            if worker.process.alive:
                worker.kill()
        self.workers.clear()
        self.parts.machine.given_up.clear()
        self.parts.loop.settle()

    def unread(self, group: Group) -> list[Place]:
        """Partitions that a group has not committed to their end.

        Admission and snapshots go on from what is in the log, not from an offset; heartbeats of
        gateways never end.
        """
        if group.name in ("admission", "snapshots"):
            return []
        return [
            place
            for place in group.owners
            if place[0] != GATEWAY_EVENTS.name
            and group.offset(place) < len(self.parts.log.partitions[place])
        ]
