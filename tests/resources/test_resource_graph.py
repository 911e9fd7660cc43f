"""Identity, sharing and order of resources."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scorefly.resources.graph import ResourceGraph, build_graph
from scorefly.score.document import parse
from scorefly.score.model import read_workload
from scorefly.score.workload import Workload


def workload(name: str, resources: str) -> Workload:
    text = f"apiVersion: score.dev/v1b1\nmetadata: {{name: {name}}}\ncontainers: {{main: {{image: x}}}}\nresources: {resources}\n"
    return read_workload(parse(text, f"{name}.yaml"))


def graph(**resources: str) -> ResourceGraph:
    return build_graph([workload(name, each) for name, each in resources.items()])


def test_a_resource_is_its_workloads_own_unless_it_has_an_id() -> None:
    found = graph(web="{db: {type: postgres}}", api="{db: {type: postgres}, c1: {type: redis, class: big, id: main}}")
    assert sorted(found.nodes) == ["postgres.default#api.db", "postgres.default#web.db", "redis.big#main"]


def test_a_shared_one_is_one_and_knows_who_uses_it() -> None:
    found = graph(web="{c1: {type: redis, id: main}}", api="{c2: {type: redis, id: main, params: {size_gb: 2}}}")
    node = found.nodes["redis.default#main"]
    assert (node.users, node.owner, dict(node.params)) == ((("api", "c2"), ("web", "c1")), "api", {"size_gb": 2})


def test_a_shared_dns_belongs_to_the_workload_that_routes_to_it() -> None:
    found = graph(
        alpha="{name: {type: dns, id: shop}}",
        omega='{name: {type: dns, id: shop}, to: {type: route, params: {host: "${resources.name.host}"}}}',
    )
    assert found.nodes["dns.default#shop"].owner == "omega"


def test_what_is_needed_comes_first() -> None:
    found = graph(web='{aa: {type: x1, params: {deep: [{of: "${resources.zz.out}"}]}}, zz: {type: x1}}')
    assert list(found.nodes) == ["x1.default#web.zz", "x1.default#web.aa"]


def test_a_circle_is_a_readable_chain() -> None:
    resources = '{{aa: {{type: x1, params: {{p: "${{resources.{}.o}}"}}}}, bb: {{type: x1, params: {{p: "${{resources.aa.o}}"}}}}}}'
    problem = graph(web=resources.format("bb")).problems[0]
    assert "x1.default#web.aa -> x1.default#web.bb -> x1.default#web.aa" in problem.message
    assert str(problem.place) == "web.yaml:4:13"
    assert "x1.default#web.aa -> x1.default#web.aa" in graph(web=resources.format("aa")).problems[0].message


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=12))
def test_any_graph_is_ordered_or_has_a_circle(edges: list[tuple[int, int]]) -> None:
    params = {number: [f"${{resources.r-{need}.o}}" for left, need in edges if left == number] for number in range(8)}
    body = ", ".join(f"r-{number}: {{type: x1, params: {{p: {needs}}}}}" for number, needs in params.items())
    found = graph(web=f"{{{body}}}")
    if found.problems:
        return
    seen: set[str] = set()
    for uid, node in found.nodes.items():
        assert set(node.needs) <= seen
        seen.add(uid)
