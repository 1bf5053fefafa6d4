"""Random scenarios in the conformance kit's format: programs that change from step to step, and what happens to them.

A scenario is a function of its seed alone. In an *ordered* one each resource depends on all before it, so that what a
failure, a kill or an interrupt leaves undone is no matter of chance; only there something fails. Two words are ours and
not the kit's: a drift's `~a` is the newest object of resource `a`, and `null` where there is none is no drift.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from copy import deepcopy
from typing import Any

Json = dict[str, Any]
TYPES = (*["Thing"] * 6, "Named", "Unique", "Plain", "Lazy", "Secretive", "Regional")
PATTERNS = ("size", "tags.x", "tags", "list[0]", "list[*]", "of", "fixed", "*")
OPTIONS: dict[str, tuple[object, ...]] = {
    "protect": (True, False),
    "retainOnDelete": (True,),
    "deleteBeforeReplace": (True, True, False),
    "replaceOnChanges": tuple([pattern] for pattern in PATTERNS),
    "ignoreChanges": tuple([pattern] for pattern in PATTERNS),
    "additionalSecretOutputs": (["size"], ["arn", "nope"], ["version"]),
    "customTimeouts": ({"create": "5m"}, {"update": "90s", "delete": "1h30m"}),
}
PROPERTIES: dict[str, tuple[object, ...]] = {
    "size": (1, 2, 3),
    "fixed": (1, 2, 3),
    "tags": ({"x": "1"}, {"x": "2", "y": "1"}, {"y": "2"}),
    "list": ([1, 2], [3], [1, {"k": "v"}]),
    "pw": ("plain", {"$secret": "s3cret"}, {"$secret": "other"}, {"in": {"$secret": "s3cret"}}),
}
STACK = ("--stack", "dev")


class Author:
    """Writes one scenario."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.seed = seed
        self.items: list[Json] = []
        self.names = 0
        self.ordered = self.dice.random() < 0.6
        self.steps: list[Json] = []
        self.denied = False

    def scenario(self) -> Json:
        """Return the scenario."""
        if self.chance(0.08):
            self.config(self.dice.choice(('["conf"]', '["*"]')))
        for _ in range(self.dice.randint(2, 5)):
            self.add()
        self.up()
        for _ in range(self.dice.randint(2, 5)):
            self.dice.choice(STEPS)(self)
        if self.chance(0.5):
            self.step("up")
        self.dice.choice((lambda: self.step("destroy"), self.destroy))()
        return {"name": f"random-{self.seed}", "about": "", "steps": self.steps}

    def chance(self, probability: float) -> bool:
        return self.dice.random() < probability

    # ---- the program ----
    def of(self, *kinds: str) -> list[Json]:
        return [item for item in self.items if kind_of(item) in kinds]

    def one(self, *kinds: str) -> Json | None:
        found = self.of(*kinds)
        return self.dice.choice(found) if found else None

    def before(self, item: Json, *kinds: str) -> Json | None:
        """Return something that is declared before `item`, so that it may refer to it."""
        found = [other for other in self.items[: self.items.index(item)] if kind_of(other) in kinds]
        return self.dice.choice(found) if found else None

    def name(self, prefix: str = "") -> str:
        self.names += 1
        return f"{prefix}{'abcdefghijklmnopqrstuvwxyz'[self.names % 26]}{self.names // 26 or ''}"

    def add(self) -> Json:
        kind = self.dice.choices(("custom", "component", "provider", "get"), (75, 12, 9, 4))[0]
        if kind == "component":
            item: Json = {"name": self.name("k"), "component": "my:C", "opts": {}}
        elif kind == "provider":
            item = {"name": self.name("p"), "provider": "conf", "props": {"region": "eu"}, "opts": {}}
        elif kind == "get":
            of = self.one("custom")
            item = {"name": self.name("g"), "type": "Thing", "props": {}, "opts": {}}
            item["opts"]["id"] = f"{of['name']}-0" if of else "nothing-0"
            if of:
                item["opts"]["dependsOn"] = [f"${{{of['name']}}}"]
        else:
            item = {"name": self.name(), "type": self.dice.choice(TYPES), "props": {}, "opts": {}}
        self.items.append(item)
        for _ in range(self.dice.randint(1, 5)) if kind == "custom" else ():
            self.vary(item)
        if kind == "component" and self.chance(0.5):
            item["outputs"] = {"n": 1, "s": {"$secret": "x"}}
        if kind in ("component", "provider") and self.chance(0.3):
            self.place(item)
        return item

    def vary(self, item: Json) -> None:
        """Change one thing about a resource."""
        self.dice.choice((self.property, self.property, self.refer, self.refer, self.option, self.place))(item)

    def property(self, item: Json) -> None:
        if kind_of(item) == "provider":
            key = self.dice.choice(("region", "account", "token"))
            item["props"][key] = self.dice.choice(("eu", "us", {"$secret": "t"} if key == "token" else "1"))
            return
        if kind_of(item) != "custom":
            return
        key = self.dice.choice(list(PROPERTIES))
        if key in item["props"] and self.chance(0.15):
            del item["props"][key]
        else:
            item["props"][key] = deepcopy(self.dice.choice(PROPERTIES[key]))

    def refer(self, item: Json) -> None:
        other = self.before(item, "custom", "get")
        if kind_of(item) != "custom" or other is None:
            return
        key = self.dice.choice(("of", "of", "fixedOf", "dependsOn", "deletedWith"))
        if key == "dependsOn":
            item["opts"][key] = [f"${{{other['name']}}}"]
        elif key == "deletedWith":
            item["opts"][key] = f"${{{other['name']}}}"
        else:
            item["props"][key] = f"${{{other['name']}.{self.dice.choice(('arn', 'arn', 'version', 'id'))}}}"

    def option(self, item: Json) -> None:
        if kind_of(item) != "custom":
            return
        key = self.dice.choice(list(OPTIONS))
        if key in item["opts"] and self.chance(0.4):
            del item["opts"][key]
        else:
            item["opts"][key] = deepcopy(self.dice.choice(OPTIONS[key]))

    def place(self, item: Json) -> None:
        """Give a resource another parent or provider; mostly with the alias that keeps it."""
        options = item["opts"]
        provider = self.before(item, "provider")
        if kind_of(item) == "custom" and provider is not None and self.chance(0.5):
            options["provider"] = f"${{{provider['name']}}}"
            return
        parent = self.before(item, "component", "component", "custom")
        old = options.pop("parent", None)
        if parent is not None and self.chance(0.7):
            options["parent"] = f"${{{parent['name']}}}"
        if self.steps and old != options.get("parent") and self.chance(0.8):
            options["aliases"] = [{"parent": old} if old else {"noParent": True}]

    def rename(self, item: Json, *, alias: bool) -> None:
        old, new = item["name"], self.name(item["name"][0] if kind_of(item) != "custom" else "")
        if alias:
            item["opts"]["aliases"] = [{"name": old}]
        self.renamed(old, new)

    def renamed(self, old: str, new: str) -> None:
        text = deepcopy(self.items)
        for item in text:
            if item["name"] == old:
                item["name"] = new
        self.items[:] = replaced(text, f"${{{old}}}", f"${{{new}}}", f"${{{old}.", f"${{{new}.")

    def remove(self, item: Json) -> None:
        """Take a resource out of the program, and what refers to it out of the others."""
        self.items.remove(item)
        marks = f"${{{item['name']}}}", f"${{{item['name']}."
        for other in self.items:
            for part in (other.get("props", {}), other["opts"]):
                for key in [key for key, value in part.items() if any(mark in str(value) for mark in marks)]:
                    del part[key]

    def change(self) -> None:
        """Change the program in one way."""
        for item in self.items:
            if self.chance(0.3):
                item["opts"].pop("aliases", None)
                item["opts"].pop("import", None)
        item = self.one("custom", "component", "provider", "get")
        how = self.dice.random()
        if item is None or how < 0.15:
            self.add()
        elif how < 0.27:
            self.remove(item)
        elif how < 0.37:
            self.rename(item, alias=self.chance(0.8))
        else:
            self.vary(item)

    def program(self) -> Json:
        items = deepcopy(self.items)
        earlier: list[str] = []
        for item in items if self.ordered or self.denied else ():
            if kind_of(item) == "provider" and self.denied:
                earlier.append(f"${{{item['name']}}}")
            if kind_of(item) in ("custom", "get"):
                item["opts"]["dependsOn"] = list(earlier)
                earlier.append(f"${{{item['name']}}}")
        customs = [item["name"] for item in items if kind_of(item) == "custom"]
        outputs: Json = {name: f"${{{name}.arn}}" for name in customs[:2]}
        return {"resources": items, "outputs": {**outputs, "fixed": {"in": [1, {"$secret": "x"}]}}}

    def urn(self, item: Json) -> str:
        """Return the URN of a resource as it is declared now."""
        types, at = [], item
        while True:
            types.insert(0, type_of(at))
            parent = at["opts"].get("parent")
            if parent is None:
                return f"urn:pulumi:dev::proj::{'$'.join(types)}::{item['name']}"
            at = next(other for other in self.items if other["name"] == parent[2:-1])

    # ---- the steps ----
    def step(self, op: str, **more: Any) -> None:
        self.steps.append({"op": op, **{key: value for key, value in more.items() if value}})

    def up(self, op: str = "up", **more: Any) -> None:
        self.step(op, program=self.program(), **more)

    def changed(self) -> None:
        for _ in range(self.dice.randint(1, 3)):
            self.change()
        if self.chance(0.25):
            self.up("preview")
            self.step("up", behaviour=self.failures())
        else:
            self.up(behaviour=self.failures())
        if self.steps[-1].get("behaviour") and self.chance(0.5):
            self.step("up")

    def failures(self) -> Json:
        """Return what goes wrong in the next operation: nothing, or one resource."""
        item = self.one("custom")
        if not self.ordered or item is None or self.chance(0.5):
            return {}
        rpc = self.dice.choice(("create", "create", "update", "delete", "check", "diff", "read"))
        kinds: list[Json] = [{"error": f"{rpc} refused"}]
        if rpc in ("create", "update"):
            kinds.append({"initFailed": [f"{rpc} half done", "second reason"]})
        if rpc == "check":
            kinds.append({"failures": [{"property": "size", "reason": "too small"}]})
        return {item["name"]: {rpc: self.dice.choice(kinds)}}

    def drift(self) -> Json:
        found = {}
        for item in self.of("custom"):
            if self.chance(0.35):
                values = {f"{part}.size": 9 for part in ("inputs", "outputs")}
                values = self.dice.choice((values, values, {"outputs.version": 7}, {"inputs.size": 8}))
                found[f"~{item['name']}"] = None if self.chance(0.35) else values
        return found

    def refresh(self) -> None:
        args = self.dice.choice(({}, {}, {"clear_pending_creates": True}, {"run_program": True}))
        sick = self.one("custom")
        behaviour = {sick["name"]: {"read": {"initFailed": ["sick"]}}} if sick and self.chance(0.2) else {}
        op = self.dice.choice(("refresh", "refresh", "preview_refresh"))
        if op == "preview_refresh":
            args.pop("clear_pending_creates", None)
        self.step(op, args=args, drift=self.drift(), behaviour=behaviour)

    def refreshing_up(self) -> None:
        self.change()
        self.up(self.dice.choice(("up", "preview")), args={"refresh": True}, drift=self.drift())

    def destroy(self) -> None:
        item = self.one("custom")
        choices: list[Json] = [{"exclude_protected": True}, {"run_program": True}, {}]
        if item is not None:
            choices.append({"target": [self.urn(item)], "target_dependents": True})
            choices.append({"exclude": [self.urn(item)]})
        args = self.dice.choice(choices)
        self.step(self.dice.choice(("destroy", "preview_destroy")), args=args, behaviour=self.failures())

    def targeted(self) -> None:
        for _ in range(2):
            self.change()
        item = self.one("custom", "component")
        if item is None or item["opts"].get("aliases"):
            return  # by a new name it differs on purpose: docs/concepts/embedded-engine.md
        urn = [self.urn(item)]
        args = self.dice.choice(
            (
                {"target": urn},
                {"target": urn, "target_dependents": True},
                {"exclude": urn},
                {"replace": urn},
                {"replace": urn},
            )
        )
        self.up(self.dice.choice(("up", "preview")), args=args)

    def going_on(self) -> None:
        if self.ordered:
            self.change()
            self.up(args={"continue_on_error": True}, behaviour=self.failures())

    def verb(self) -> None:
        """Change the state by hand."""
        item = self.one("custom", "component")
        if item is None:
            return
        urn, how = self.urn(item), self.dice.choice(("unprotect", "protect", "delete", "rename", "taint", "all"))
        words = ["state", "unprotect", "--all"] if how == "all" else ["state", how, urn]
        new = self.name()
        if how == "rename":
            words.append(new)
        if how == "delete":
            words += self.dice.choice(([], ["--force"], ["--target-dependents"]))
        self.step("cli", argv=[*words, "--yes", *STACK])
        if how == "rename" and self.chance(0.8):
            self.renamed(item["name"], new)
        self.up()

    def forgotten(self) -> None:
        """Take a resource out of the state, then adopt its object or what an id names: that may be refused."""
        item = self.one("custom")
        if item is None or not self.ordered:
            return
        self.step("export")
        self.step("import", edit={item["name"]: None})
        item["opts"]["import"] = f"{item['name']}-{self.dice.choice((0, 0, 0, 1))}"
        if self.chance(0.4):
            self.property(item)
        if self.chance(0.4):
            self.up("preview")
        self.up()
        if self.chance(0.5):
            item["opts"].pop("import")
            self.up()

    def pending(self) -> None:
        """Say in the state that something was under way."""
        item = self.one("custom")
        if item is None:
            return
        kind = self.dice.choice(("creating", "creating", "updating", "deleting", "reading", "importing"))
        state = {
            "urn": self.urn(item),
            "custom": True,
            "id": "" if kind == "creating" else f"{item['name']}-0",
            "type": type_of(item),
            "inputs": {"size": 1},
            "parent": "urn:pulumi:dev::proj::pulumi:pulumi:Stack::proj-dev",
        }
        self.step("export")
        self.step("import", edit={"pending_operations": [{"resource": state, "type": kind}]})
        self.dice.choice((self.refresh, self.changed, lambda: self.step("destroy"), lambda: self.step("up")))()

    def cut(self) -> None:
        """Kill or interrupt the creation of something new."""
        if not self.ordered:
            return
        item = {"name": self.name(), "type": "Thing", "props": {"size": 1}, "opts": {}}
        self.items.append(item)
        block = {item["name"]: {"create": {"block": self.dice.choice(("before", "after"))}}}
        how = self.dice.choice(("killAt", "interruptAt"))
        self.up(behaviour=block, **{how: f"create-{item['name']}"})
        if how == "killAt":
            self.step("cancel")
        self.dice.choice((self.refresh, lambda: self.step("up"), lambda: self.step("preview")))()

    def config(self, disabled: str = "") -> None:
        self.denied = bool(disabled)
        self.step("setConfig", config={"pulumi:disable-default-providers": disabled or "[]"})

    def disabled(self) -> None:
        self.config('["conf"]')
        self.up()
        self.config()


STEPS: tuple[Callable[[Author], None], ...] = (
    *[Author.changed] * 7,
    *[Author.refresh] * 2,
    Author.refreshing_up,
    Author.destroy,
    Author.targeted,
    Author.going_on,
    *[Author.verb] * 2,
    *[Author.forgotten] * 2,
    Author.pending,
    Author.cut,
    Author.disabled,
)


def kind_of(item: Json) -> str:
    """Return `component`, `provider`, `get` or `custom`."""
    for kind in ("component", "provider"):
        if kind in item:
            return kind
    return "get" if "id" in item["opts"] else "custom"


def type_of(item: Json) -> str:
    """Return the type of a resource."""
    if "component" in item:
        return str(item["component"])
    return f"pulumi:providers:{item['provider']}" if "provider" in item else f"conf:index:{item['type']}"


def replaced(value: Any, *pairs: str) -> Any:
    """Return a value with texts replaced: what, by what, and so on."""
    if isinstance(value, str):
        for old, new in zip(pairs[::2], pairs[1::2], strict=True):
            value = value.replace(old, new)
        return value
    if isinstance(value, dict):
        return {key: replaced(item, *pairs) for key, item in value.items()}
    return [replaced(item, *pairs) for item in value] if isinstance(value, list) else value
