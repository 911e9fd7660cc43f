"""The database servers of the built-in provisioners: their images, and the newest release of each line."""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct, field


class Engine(Struct, frozen=True):
    """One kind of server. `image` has the place of the version; `shared_key` is where a shared server's version is.

    A line is what a server changes release within without touching its data: the first `parts` numbers of a version.
    `newest` has the newest release of each line that this scorefly knows.
    """

    name: str
    image: str
    parts: int
    newest: Mapping[str, str] = field(default_factory=dict)
    shared_key: str = ""

    def line(self, version: str) -> str:
        """Return the line of a version: `17` of `17.11`."""
        numbers = re.split(r"[.-]", version)
        return ".".join(numbers[: self.parts])

    def newer(self, version: str) -> str:
        """Return the newest release of a version's line; empty where it has that, or the line is not known."""
        newest = self.newest.get(self.line(version), "")
        return newest if newest and _numbers(newest) > _numbers(version) else ""

    def version_of(self, image: str) -> str:
        """Return the version that an image has in its tag; empty where it is not an image of this server."""
        before, _, after = self.image.partition("{version}")
        image = image.partition("@")[0]
        if not (image.startswith(before) and image.endswith(after)):
            return ""
        return image.removeprefix(before).removesuffix(after)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(each) for each in re.findall(r"\d+", version))


def _postgres(shared_key: str = "") -> Engine:
    return Engine("Postgres", "postgres:{version}-bookworm", 1, {"17": "17.11"}, shared_key)


def _mysql(shared_key: str = "") -> Engine:
    return Engine("MySQL", "mysql:{version}", 2, {"8.4": "8.4.11"}, shared_key)


def _rabbitmq(shared_key: str = "") -> Engine:
    return Engine("RabbitMQ", "rabbitmq:{version}-alpine", 2, {"4.1": "4.1.8", "4.2": "4.2.9"}, shared_key)


# By the uri of the provisioner.
ENGINES: Mapping[str, Engine] = {
    "template://scorefly/postgres": _postgres(),
    "template://scorefly/postgres-instance": _postgres(),
    "template://scorefly/postgres-shared": _postgres("postgres_version"),
    "template://scorefly/mysql": _mysql(),
    "template://scorefly/mysql-shared": _mysql("mysql_version"),
    "template://scorefly/mongodb": Engine("MongoDB", "mongo:{version}", 2, {"8.0": "8.0.30"}),
    "template://scorefly/redis": Engine("Redis", "redis:{version}-alpine", 2, {"7.4": "7.4.11"}),
    "template://scorefly/amqp": _rabbitmq(),
    "template://scorefly/amqp-shared": _rabbitmq("rabbitmq_version"),
    "template://scorefly/kafka-topic": Engine("Kafka", "apache/kafka:{version}", 2, {"3.9": "3.9.2"}, "kafka_version"),
    "template://scorefly/elasticsearch": Engine(
        "Elasticsearch", "docker.elastic.co/elasticsearch/elasticsearch:{version}", 2, {"8.19": "8.19.20"}
    ),
    "template://scorefly/mssql": Engine(
        "SQL Server", "mcr.microsoft.com/mssql/server:{version}", 1, {"2022": "2022-CU25-ubuntu-22.04"}
    ),
    "template://scorefly/s3-gateway": Engine("Versity S3 Gateway", "versity/versitygw:{version}", 1, {"v1": "v1.8.0"}),
    "template://scorefly/s3": Engine("MinIO", "minio/minio:{version}", 4),
}
