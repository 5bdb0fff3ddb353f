"""Which names a cell reads, binds, changes and deletes: one row per rule and edge."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from cellmill.notebooks.cells import analyse_source
from cellmill.notebooks.facts import CERTAIN, GUESS, LIKELY


class Row(NamedTuple):
    """A cell, and what is expected of it; `may` are names bound on some paths only."""

    rule: str
    source: str
    uses: str = ""
    binds: str = ""
    may: str = ""
    flags: str = ""
    deletes: str = ""
    mutates: str = ""


ROWS = [
    # reading the cell
    Row("02 broken", "x = (", flags="broken"),
    Row("02 comment only", "# nothing here"),
    Row("02 empty", ""),
    Row("02 two magics", "%load_ext a\n%matplotlib inline\nx = 1", binds="x", flags="environment"),
    Row("02 indented paste", "    x = a\n    y = x", "a", "x y"),
    Row("02 prompt paste", ">>> x = a\n>>> y = x", "a", "x y"),
    Row("02 merge markers", "<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> b", flags="broken"),
    Row("04 await", "x = await fetch(u)", "fetch u", "x"),
    Row("04 async for", "async for a in s:\n    b = a", "s", "", "a b"),
    Row("04 async with", "async with s() as a:\n    b = a", "s", "a b"),
    Row("05 builtins", "x = len(range(3)); print(x)", "", "x"),
    Row("05 dunder", "print(__name__, __file__)"),
    Row("05 display", "display(x)", "x"),
    Row("05 own list", "list = [1]\nlist(x)", "x", "list"),
    Row("06 underscore", "y = _ + 1", "", "y", flags="history"),
    Row("06 numbered", "y = _12", "", "y", flags="history"),
    Row("06 Out", "y = Out[3]", "", "y", flags="history"),
    Row("06 own underscore", "for _ in range(3):\n    print(_)", "", "_"),
    Row("06 private is no history", "y = _private + __other", "_private __other", "y"),
    # binding
    Row("07 assign", "a = b = c", "c", "a b"),
    Row("07 annotated with value", "a: int = c", "c", "a"),
    Row("07 annotated without value", "a: int"),
    Row("07 for", "for a in b:\n    pass", "b", "", "a"),
    Row("07 for unpack", "for a, (b, *c) in d:\n    pass", "d", "", "a b c"),
    Row("07 with", "with a() as b, c(b) as d:\n    e = d", "a c", "b d e"),
    Row("07 with tuple", "with a() as (b, c):\n    pass", "a", "b c"),
    Row("07 def", "def f(a):\n    return a", "", "f"),
    Row("07 class", "class A:\n    x = 1", "", "A"),
    Row("07 walrus", "print(a := b)", "b", "a"),
    Row("07 match bare", "match a:\n    case b:\n        c = b", "a", "b c"),
    Row("07 match star", "match a:\n    case [x, *rest]:\n        pass", "a", "", "x rest"),
    Row("07 match mapping rest", "match a:\n    case {'k': v, **rest}:\n        pass", "a", "", "v rest"),
    Row("07 match as", "match a:\n    case [1, 2] as pair:\n        pass", "a", "", "pair"),
    Row("07 match class", "match a:\n    case Point(x=0, y=q):\n        pass", "a Point", "", "q"),
    Row("07 match value", "match a:\n    case K.v:\n        pass", "a K"),
    Row("07 match or", "match a:\n    case [x] | (x, _):\n        pass", "a", "", "x"),
    Row("07 global in function", "def f():\n    global g\n    g = 1\nf()", "", "f", "g"),
    Row("07 unpack star", "a, *b = c", "c", "a b"),
    Row("07 attribute target", "a.b = c", "a c", mutates="a"),
    Row("08 import dotted", "import a.b.c", "", "a"),
    Row("08 import as", "import a.b as c", "", "c"),
    Row("08 from", "from m import n as p, q", "", "p q"),
    Row("08 future", "from __future__ import annotations"),
    Row("08 relative", "from . import helpers", "", "helpers"),
    Row("09 comprehension target", "[x for x in y]", "y"),
    Row("09 dict comprehension", "{k: v + z for k, v in y.items()}", "y z"),
    Row("09 nested comprehension", "[[a for a in b] for b in c if d]", "c d"),
    Row("09 lambda parameter", "f = lambda x, y=z: x + y + w", "z w", "f"),
    Row("09 function parameters", "def f(a, /, b, *c, d=e, **g):\n    return a, b, c, d, g, h", "e h", "f"),
    Row("09 class body names", "class A:\n    x = y\n    z = x", "y", "A"),
    Row("09 except name", "try:\n    a()\nexcept E as e:\n    print(e)", "a E"),
    Row("09 except name afterwards", "try:\n    a()\nexcept E as e:\n    pass\nprint(e)", "a E e"),
    Row("10 walrus in comprehension", "[y for x in xs if (y := x)]", "xs", "", "y"),
    Row("10 walrus in any", "any((hit := x) > 3 for x in xs)", "xs", "", "hit"),
    Row("10 walrus in function", "def f():\n    [y := x for x in z]\n    return y", "z", "f"),
    Row("11 del own", "x = 1\ndel x"),
    Row("11 del outside", "del x", "x", deletes="x"),
    Row("11 del several", "del a, b[0], c.d", "a b c", deletes="a", mutates="b c"),
    Row("11 del and rebind", "del x\nx = 1", "x", "x", deletes="x"),
    Row("11 del own in branch", "x = 1\nif c:\n    del x", "c", "", "x"),
    Row("12 global store", "def f():\n    global n\n    n = 1", "", "f"),
    Row("12 global augmented", "def f():\n    global n\n    n += 1\nf()", "n", "f", "n", mutates="n"),
    Row("12 global load", "def f():\n    global n\n    return n", "n", "f"),
    Row("13 star of stdlib", "from math import *\ny = sqrt(x)", "x", "*"),
    Row("13 star unknown", "from mystery import *\ny = 1", "", "y", flags="star"),
    Row("14 globals store", "globals()['z'] = 1", "", "z"),
    Row("14 globals load", "y = globals()['z']", "z", "y"),
    Row("14 globals computed", "globals()[name] = 1", "name", flags="dynamic"),
    Row("14 globals update", "globals().update(a=1)", "", "a"),
    Row("14 globals update mapping", "globals().update(d)", "d", flags="dynamic"),
    Row("14 locals", "locals()['z'] = y", "y", "z"),
    Row("14 vars", "vars()['z'] = y", "y", "z"),
    Row("14 user_ns", "get_ipython().user_ns['z'] = y", "y", "z"),
    Row("14 push", "get_ipython().push({'a': b})", "b", "a"),
    Row("14 setattr module", "import sys\nsetattr(sys.modules[__name__], 'z', 1)", "", "sys z"),
    Row("14 exec constant", "exec('a = b')", "b", "a"),
    Row("14 exec computed", "exec(text)", "text", flags="dynamic"),
    Row("14 exec own namespace", "exec('a = b', ns)", "ns", flags="opaque"),
    # order of reading
    Row("15 read before bind", "x = x + 1", "x", "x"),
    Row("15 print before bind", "print(x); x = 1", "x", "x"),
    Row("15 augmented", "x += 1", "x", "x", mutates="x"),
    Row("15 bound before read", "x = 1\nx = x + 1", "", "x"),
    Row("15 conditional expression", "y = a if b else c", "a b c", "y"),
    Row("15 short circuit walrus", "a and (b := 1)\nprint(b)", "a b", "", "b"),
    Row("16 iterable in enclosing scope", "x = [x for x in x]", "x", "x"),
    Row("16 for iterable before target", "for x in x:\n    pass", "x", "", "x"),
    Row("16 with expression before target", "with x as x:\n    pass", "x", "x"),
    Row("16 default before name", "def f(a=f):\n    pass", "f", "f"),
    Row("16 decorator", "@d(k)\ndef f():\n    pass", "d k", "f"),
    Row("16 base class", "class A(B, metaclass=M):\n    pass", "B M", "A"),
    Row("16 keyword names are not read", "f(a=b)", "f b"),
    Row("17 annotation", "def f(a: T) -> R:\n    pass", "T R", "f"),
    Row("17 quoted annotation", "def f(a: 'T') -> 'R':\n    pass", "", "f"),
    Row("17 variable annotation", "a: T = 1", "T", "a"),
    Row("17 local annotation", "def f():\n    a: T\n    return 1", "T", "f"),
    Row("18 if else both", "if c:\n    x = 1\nelse:\n    x = 2\nprint(x)", "c", "x"),
    Row("18 if one side", "if c:\n    x = 1\nprint(x)", "c x", "", "x"),
    Row("18 elif", "if c:\n    x = 1\nelif d:\n    x = 2\nprint(x)", "c d x", "", "x"),
    Row("18 raise leaves", "if c:\n    x = 1\nelse:\n    raise E\nprint(x)", "c E", "x"),
    Row("18 sys.exit leaves", "import sys\nif c:\n    sys.exit()\nelse:\n    x = 1\nprint(x)", "c", "sys x"),
    Row("18 match without default", "match a:\n    case 1:\n        x = 1\nprint(x)", "a x", "", "x"),
    Row("18 match with default",
        "match a:\n    case 1:\n        x = 1\n    case _:\n        x = 2\nprint(x)", "a", "x"),
    Row("18 match guard is no default", "match a:\n    case y if c:\n        x = 1\nprint(x)", "a c x", "", "x y"),
    Row("18 TYPE_CHECKING", "if TYPE_CHECKING:\n    from a import b\nelse:\n    b = 1", "TYPE_CHECKING", "b"),
    Row("18 typing.TYPE_CHECKING", "if typing.TYPE_CHECKING:\n    import a", "typing"),
    Row("18 if True", "if True:\n    x = 1\nprint(x)", "", "x"),
    Row("18 if False", "if False:\n    x = y"),
    Row("18 if 0", "if 0:\n    x = y\nelse:\n    z = w", "w", "z"),
    Row("18 main guard", "if __name__ == '__main__':\n    x = y", "y", "x"),
    Row("18 while True", "while True:\n    x = f()\n    if x:\n        break\nprint(x)", "f", "x"),
    Row("18 endless", "while True:\n    x = 1\ny = 2", "", "", "x"),
    Row("19 for may not run", "for a in b:\n    c = 1\nprint(c)", "b c", "", "a c"),
    Row("19 accumulator", "for a in b:\n    t = t + a", "b t", "", "a t"),
    Row("19 accumulator set before", "t = 0\nfor a in b:\n    t = t + a", "b", "t", "a"),
    Row("19 read before bind in body", "for a in b:\n    print(p)\n    p = a", "b p", "", "a p"),
    Row("19 literal list runs", "for a in [1, 2]:\n    c = a\nprint(c)", "", "a c"),
    Row("19 range constant runs", "for i in range(3):\n    c = i\nprint(c)", "", "i c"),
    Row("19 for else", "for a in b:\n    if a:\n        break\nelse:\n    x = 1\nprint(x)", "b x", "", "a x"),
    Row("19 while", "while c:\n    x = 1\nprint(x)", "c x", "", "x"),
    Row("19 continue", "for a in [1]:\n    if c:\n        continue\n    x = 1\nprint(x)", "c", "a x"),
    Row("20 try both", "try:\n    x = 1\nexcept E:\n    x = 2\nprint(x)", "E", "x"),
    Row("20 try one side", "try:\n    x = 1\nexcept E:\n    pass\nprint(x)", "E x", "", "x"),
    Row("20 handler starts before body", "try:\n    x = 1\nexcept E:\n    print(x)", "E x", "", "x"),
    Row("20 optional import", "try:\n    import a\nexcept ImportError:\n    a = None\nprint(a)", "", "a"),
    Row("20 handler raises", "try:\n    x = 1\nexcept E:\n    raise\nprint(x)", "E", "x"),
    Row("20 else", "try:\n    f()\nexcept E:\n    x = 1\nelse:\n    x = 2\nprint(x)", "f E", "x"),
    Row("20 finally", "try:\n    f()\nfinally:\n    x = 1\nprint(x)", "f", "x"),
    Row("20 finally reads", "try:\n    x = 1\nfinally:\n    print(x)", "x", "x"),
    Row("20 suppress", "with suppress(E):\n    x = 1\nprint(x)", "suppress E x", "", "x"),
    Row("20 contextlib.suppress",
        "import contextlib\nwith contextlib.suppress(E):\n    x = 1\nprint(x)", "E x", "contextlib", "x"),
    Row("20 except star", "try:\n    x = 1\nexcept* E as g:\n    x = g", "E", "x"),
    Row("21 covered on some paths", "if c:\n    x = 1\ny = x", "c x", "y", "x"),
    Row("22 f-string", "f'{a:{w}.{p}} {b!r}'", "a w p b"),
    Row("22 f-string nested quotes", "f\"{d['k']}\"", "d"),
    Row("22 attribute names", "a.b.c", "a"),
    Row("22 dict keys", "{'a': b, c: 1, **d}", "b c d"),
    Row("22 starred call", "f(*a, **b)", "f a b"),
    Row("23 class reads global", "class A:\n    x = 1\n    def m(self):\n        return x", "x", "A"),
    Row("23 class comprehension", "class A:\n    n = 3\n    y = [n for _ in range(n)]", "n", "A"),
    Row("23 class body order", "class A:\n    y = x\n    x = 1", "x", "A"),
    Row("23 nested class", "class A:\n    class B:\n        z = w", "w", "A"),
    Row("23 method default", "class A:\n    k = 1\n    def m(self, a=k, b=j):\n        pass", "j", "A"),
    Row("24 deferred at end", "def f():\n    return x", "x", "f"),
    Row("24 deferred covered at end", "def f():\n    return x\nx = 1", "", "f x"),
    Row("24 called before bound", "def f():\n    return x\nf()\nx = 1", "x", "f x"),
    Row("24 called after bound", "def f():\n    return x\nx = 1\nf()", "", "f x"),
    Row("24 passed before bound", "def f(a):\n    return x\nlist(map(f, y))\nx = 1", "x y", "f x"),
    Row("24 transitive", "def f():\n    return x\ndef g():\n    return f()\ng()\nx = 1", "x", "f g x"),
    Row("24 recursion", "def f(n):\n    return f(n - 1) + k", "k", "f"),
    Row("24 mutual recursion", "def f():\n    return g()\ndef g():\n    return f() + k\nf()", "k", "f g"),
    Row("24 decorated", "@register_now\ndef f():\n    return x\nx = 1", "register_now x", "f x"),
    Row("24 cached decorator is quiet", "@lru_cache\ndef f():\n    return x\nx = 1", "lru_cache", "f x"),
    Row("24 method", "class A:\n    def m(self):\n        return x\nA().m()\nx = 1", "x", "A x"),
    Row("24 class method at end", "class A:\n    def m(self):\n        return x\nx = 1", "", "A x"),
    Row("24 generator expression", "g = (a * k for a in b)\nk = 2", "b", "g k"),
    Row("24 generator consumed", "g = (a * k for a in b)\nlist(g)\nk = 2", "b k", "g k"),
    Row("24 async def", "async def f():\n    return await x", "x", "f"),
    Row("24 nested function", "def f():\n    def g():\n        return x\n    return g", "x", "f"),
    Row("24 closure", "def f():\n    x = 1\n    def g():\n        return x\n    return g", "", "f"),
    Row("24 nonlocal", "def f():\n    x = 1\n    def g():\n        nonlocal x\n        x += 1\n    return g", "", "f"),
    Row("25 lambda argument is now", "f(lambda v: v + k)\nk = 1", "f k", "k"),
    Row("25 lambda keyword is now", "sorted(xs, key=lambda v: v + k)\nk = 1", "xs k", "k"),
    Row("25 lambda assigned", "f = lambda v: v + k\nk = 1", "", "f k"),
    Row("25 lambda in list", "fs = [lambda: k]\nk = 1", "", "fs k"),
    Row("25 lambda in list unbound", "fs = {'a': lambda: k}", "k", "fs"),
    Row("27 local read before assigned", "def f():\n    print(x)\n    x = 1", "", "f"),
    Row("27 parameter", "def f(x):\n    x = x + 1\n    return x", "", "f"),
    # strings
    Row("28 query", "df.query('a > @limit and b == \"me@home.org\"')", "df limit"),
    Row("28 query f-string", "df.query(f'a > {limit}')", "df limit"),
    Row("28 df.eval", "df.eval('c = a + @k')", "df k"),
    Row("28 pd.eval", "pd.eval('d1.x + d2.y')", "pd d1 d2"),
    Row("28 pd.eval computed", "pd.eval(text)", "pd text", flags="opaque"),
    Row("28 numexpr", "ne.evaluate('a * b + 1')", "ne a b"),
    Row("28 formula", "smf.ols('y ~ x + scale(z)', data=df)", "smf df y x scale z"),
    Row("28 format globals", "'{a} {b}'.format(**globals())", "a b"),
    Row("28 format locals in function", "def f(a):\n    return '{a} {b}'.format(**locals())", "b", "f"),
    Row("28 percent locals", "'%(a)s' % locals()", "a"),
    Row("28 template", "Template('$a ${b}').substitute(globals())", "Template a b"),
    Row("28 format plain", "'{a}'.format(a=b)", "b"),
    Row("29 duckdb", "duckdb.sql('SELECT * FROM flights JOIN planes USING (id)')", "duckdb flights planes"),
    Row("29 connection", "con.execute('select a from t where b > 1').df()", "con t"),
    Row("29 cte", "duckdb.sql('with c as (select * from t) select * from c')", "duckdb t"),
    Row("29 f-string sql", "mo.sql(f'select * from t where x > {limit}')", "mo t limit"),
    Row("29 subquery", "spark.sql('select * from (select x from a) s left join b on 1=1')", "spark a b"),
    Row("29 create", "con.execute('create table made as select * from t')", "con t", "sql:made"),
    Row("29 no sql", "con.execute('PRAGMA foreign_keys')", "con"),
    Row("29 sql magic line", "res = %sql select * from t where a = :lim", "t lim", "res"),
    Row("29 sql cell", "%%sql\nselect * from t where a = {{lim}}", "t lim"),
    Row("29 sql cell result", "%%sql res <<\nselect * from t", "t", "res"),
    Row("29 bigquery", "%%bigquery res --params $p\nselect * from d.t", "p", "res"),
    Row("30 eval constant", "y = eval('a + b')", "a b", "y"),
    Row("30 eval computed", "y = eval(text)", "text", "y", flags="dynamic"),
    Row("30 literal_eval", "import ast\ny = ast.literal_eval('[1, 2]')", "", "ast y"),
    # IPython
    Row("31 shell", "!ls {folder} $name", "folder name", flags="effects"),
    Row("31 shell assign", "files = !ls", "", "files", flags="effects"),
    Row("31 double bang", "!!ls {x}", "x", flags="effects"),
    Row("31 escaped dollar", "!echo $$HOME", flags="effects"),
    Row("31 sx", "%sx ls {x}", "x", flags="effects"),
    Row("31 bash body", "%%bash\necho $x", flags="effects"),
    Row("31 bash line", "%%bash -s \"$x\"\necho $1", "x", flags="effects"),
    Row("31 bash out", "%%bash --out o --err e\nls", "", "o e", flags="effects"),
    Row("31 indented shell", "if c:\n    !ls {x}", "c x", flags="effects"),
    Row("31 continued shell", "!ls {a} \\\n   {b}\nc = 1", "a b", "c", flags="effects"),
    Row("32 time", "%%time\ny = x", "x", "y"),
    Row("32 capture", "%%capture out\ny = x", "x", "y out"),
    Row("32 capture options", "%%capture --no-stderr out\ny = x", "x", "y out"),
    Row("32 timeit", "%%timeit\ny = x", "x"),
    Row("32 timeit setup", "%%timeit a = 1\ny = a + x", "x"),
    Row("32 nested magics", "%%capture out\n%%time\ny = x", "x", "y out"),
    Row("32 R", "%%R -i df,n -o res\nsummary(df)", "df n", "res", flags="opaque"),
    Row("32 html", "%%html\n<b>{x}</b>"),
    Row("32 markdown", "%%markdown\n# a"),
    Row("32 writefile", "%%writefile a.py\nimport x", flags="effects"),
    Row("32 cython", "%%cython\ndef fast(int a):\n    return a", "", "fast", flags="opaque"),
    Row("32 unknown cell magic", "%%mystery a\nwhatever {", flags="opaque"),
    Row("32 comment before", "x = 1\n# %%time", "", "x"),
    Row("33 timeit line", "%timeit -n 10 f(x)", "f x"),
    Row("33 prun options", "%prun -q -s time -l 5 f(x)", "f x"),
    Row("33 lprun function", "%lprun -f g -f h f(x)", "f g h x"),
    Row("33 timeit glued options", "%timeit -n10 -r 3 -o f(x)", "f x"),
    Row("33 time line", "%time y = f(x)", "f x", "y"),
    Row("33 time result", "z = %time f(x)", "f x", "z"),
    Row("33 run", "%run other.ipynb", flags="dynamic effects"),
    Row("33 store read", "%store -r a b", "", "a b"),
    Row("33 store write", "%store a", "a"),
    Row("33 env", "%env A={x}", "x", flags="effects"),
    Row("33 pip", "%pip install pandas", flags="environment"),
    Row("33 unknown magic", "%mystery x", flags="opaque"),
    Row("33 harmless", "%who"),
    Row("33 load_ext", "%load_ext cellmill", flags="environment"),
    Row("33 pylab", "%pylab inline", "", "np plt numpy matplotlib pylab mlab", flags="environment"),
    Row("34 help", "x?", "x"),
    Row("34 help before", "?x.y", "x"),
    Row("34 double help", "x.method??", "x"),
    # mutation
    Row("35 attribute", "x.a = 1", "x", mutates="x"),
    Row("35 item", "x[i] = 1", "x i", mutates="x"),
    Row("35 deep", "x.a[0].b = 1", "x", mutates="x"),
    Row("35 delete item", "del x['a']", "x", mutates="x"),
    Row("35 augmented attribute", "x.a += 1", "x", mutates="x"),
    Row("35 augmented item", "x[0] += y", "x y", mutates="x"),
    Row("35 own object", "x = []\nx[0] = 1", "", "x"),
    Row("36 append", "x.append(y)", "x y", mutates="x"),
    Row("36 chain", "x.a.b.extend(y)", "x y", mutates="x"),
    Row("36 inplace", "df.dropna(inplace=True)", "df", mutates="df"),
    Row("36 inplace false", "df.dropna(inplace=False)", "df"),
    Row("36 out", "np.add(a, b, out=c)", "np a b c", mutates="c"),
    Row("36 shuffle", "random.shuffle(x)", "random x", flags="random", mutates="x"),
    Row("36 heapq", "heapq.heappush(h, 1)", "heapq h", mutates="h"),
    Row("36 fit", "model.fit(X, y)", "model X y", mutates="model"),
    Row("36 setattr", "setattr(x, 'a', 1)", "x", mutates="x"),
    Row("36 own append", "x = []\nx.append(1)", "", "x"),
    Row("36 helper", "def f():\n    x.append(1)\nf()", "x", "f", mutates="x"),
    Row("37 alias", "b = a\nb.append(1)", "a", "b", mutates="a"),
    Row("37 alias item", "b = a['k']\nb.append(1)", "a", "b", mutates="a"),
    Row("37 loop variable", "for b in a:\n    b.x = 1", "a", "", "b", mutates="a b"),
    Row("37 unpack", "b, c = a\nb.append(1)", "a", "b c", mutates="a"),
    Row("37 broken alias", "b = a\nb = []\nb.append(1)", "a", "b"),
    Row("37 pairwise unpack", "b, c = a, d\nb.append(1)", "a d", "b c", mutates="a"),
    Row("45 option", "pd.set_option('display.max_rows', 5)", "pd", flags="setup", mutates="pd"),
    Row("45 seed", "np.random.seed(0)", "np", flags="setup", mutates="np"),
    Row("45 style", "plt.style.use('x')", "plt", flags="setup"),
    Row("50 clock", "t = datetime.now()", "datetime", "t", flags="clock"),
    Row("50 random", "x = np.random.rand(3)", "np", "x", flags="random"),
    Row("50 subprocess", "subprocess.run(['ls', d])", "subprocess d", flags="effects"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=[f"{row.rule}-{number}" for number, row in enumerate(ROWS)])
def test_cell_facts(row: Row) -> None:
    """A cell's uses, binds, flags, deletes and mutations are those of the rule."""
    facts = analyse_source(row.source)
    found = Row(
        row.rule,
        row.source,
        _words(facts.uses),
        row.binds if row.binds == "*" else _words(facts.must_binds),
        _words(facts.may_binds),
        _words(facts.flags),
        _words(facts.deletes),
        _words(name for name in facts.mutates),
    )

    assert found == row._replace(
        **{
            field: " ".join(sorted(getattr(row, field).split()))
            for field in Row._fields
            if field not in ("rule", "source")
        }
    )


def _words(names: object) -> str:
    return " ".join(sorted(names))  # type: ignore[call-overload]


def test_builtin_use_is_kept_apart() -> None:
    """A read of a builtin counts only where some cell binds that name (rule 5)."""
    facts = analyse_source("list(x)")

    assert set(facts.uses) == {"x"}
    assert set(facts.builtin_uses) == {"list"}


def test_partial_read_says_when() -> None:
    """A read covered on some paths only carries the condition under which it comes from outside (rule 21)."""
    facts = analyse_source("if c:\n    x = 1\nprint(x)")

    assert "line" in facts.uses["x"].note
    inside = analyse_source("if d:\n    if c:\n        x = 1\n    print(x)")
    assert inside.uses["x"].note == "only if not c"


@pytest.mark.parametrize(
    ("source", "name", "confidence"),
    [
        ("x.a = 1", "x", CERTAIN),
        ("x.append(1)", "x", LIKELY),
        ("x += 1", "x", GUESS),
        ("x @= y", "x", CERTAIN),
        ("b = a[0]\nb.append(1)", "a", GUESS),
        ("b = a\nb.append(1)", "a", LIKELY),
    ],
)
def test_mutation_confidence(source: str, name: str, confidence: int) -> None:
    """How sure a mutation is depends on how it is seen (rules 35 to 37)."""
    assert analyse_source(source).mutates[name].confidence == confidence


@pytest.mark.parametrize(
    ("source", "name", "confidence", "kind"),
    [
        ("x", "x", CERTAIN, "name"),
        ("f(1)", "f", CERTAIN, "call"),
        ("df.query('a > @k')", "k", LIKELY, "string"),
        ("duckdb.sql('select 1 from t')", "t", LIKELY, "sql"),
        ("ols('y ~ x')", "x", GUESS, "string"),
        ("!ls $d", "d", LIKELY, "shell"),
        ("x?", "x", LIKELY, "inspection"),
    ],
)
def test_use_confidence(source: str, name: str, confidence: int, kind: str) -> None:
    """A use says how it was found and how sure it is."""
    use = analyse_source(source).uses[name]

    assert (use.confidence, use.kind) == (confidence, kind)


def test_future_annotations_weigh_little() -> None:
    """With the annotations future an annotation is a deferred read of low weight (rule 17)."""
    facts = analyse_source("from __future__ import annotations\ndef f(a: T): pass")

    assert facts.uses["T"].confidence == GUESS


def test_annotations_are_deferred_from_3_14() -> None:
    """From Python 3.14 an annotation is a deferred read of low weight (rule 17)."""
    assert analyse_source("a: T = 1", python=(3, 14)).uses["T"].confidence == GUESS


def test_places_are_those_of_the_cell() -> None:
    """Uses carry the line and column of the cell, below its header and through magics."""
    facts = analyse_source("%%asset a\n!ls\nx = 1\ny = x + value")

    use = facts.uses["value"]
    assert (use.line, use.column, use.end_column) == (4, 8, 13)


def test_local_read_before_bound_is_a_note() -> None:
    """A function that reads its own local before binding it gets a lint, and no use (rule 27)."""
    facts = analyse_source("def f():\n    print(x)\n    x = 1")

    assert facts.notes == ("line 2: the function reads its own 'x' before it binds it",)


def test_star_names_from_a_resolver() -> None:
    """A star import binds what the resolver finds in the module's source (rule 13)."""
    facts = analyse_source("from mine import *\ny = a", star_names=lambda name: ["a", "b"] if name == "mine" else None)

    assert facts.must_binds == {"a", "b", "y"}
    assert not facts.uses


def test_hints_of_the_outside_world() -> None:
    """Constant paths and URLs become hints (rule 50)."""
    facts = analyse_source("a = pd.read_csv('data/x.csv')\nb = open('y.txt')\nc = requests.get('https://e.org')")

    assert [(hint.kind, hint.text) for hint in facts.hints] == [
        ("file", "data/x.csv"),
        ("file", "y.txt"),
        ("url", "https://e.org"),
    ]
