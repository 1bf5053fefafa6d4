from cellctl_sandbox.testing.engine_bench import EngineBench, Hidden, Ref, Thing


def test_a_program_over_an_in_process_provider_previews_comes_up_refreshes_and_goes(tmp_path):
    bench = EngineBench(tmp_path)
    things = (Thing("a", {"size": 1, "pw": Hidden("s3cret")}), Thing("b", {"of": Ref("a")}))
    outputs = {"arn": Ref("b"), "pw": Ref("a", "pw")}

    seen = bench.preview(*things, outputs=outputs)
    assert seen.result.succeeded, seen.errors
    assert seen.ops == {"a": ["create"], "b": ["create"]}
    assert bench.names() == []
    assert seen.calls[-1] == ("preview_create", "b")

    seen = bench.up(*things, outputs=outputs)
    assert seen.result.succeeded, seen.errors
    assert seen.result.changes == {"create": 3}
    assert bench.names() == ["a", "b"]
    assert "s3cret" not in bench.backend.checkpoint_path(bench.name).read_text()
    assert "s3cret" not in str(seen.events)

    assert bench.up(*things, outputs=outputs).result.changes == {"same": 3}
    assert bench.refresh().result.changes == {"same": 3}
    seen = bench.destroy()
    assert [name for call, name in seen.calls if call == "delete"] == ["b", "a"]
    assert bench.names() == []
    assert bench.world.objects == {}
