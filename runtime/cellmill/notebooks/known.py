"""Tables of known functions, methods and magics: what they change, read or end."""

from __future__ import annotations

#: Methods that change their object, whatever its type (likely).
MUTATING_METHODS = frozenset({
    "append", "extend", "insert", "update", "add", "pop", "popitem", "remove", "discard", "clear", "sort", "reverse",
    "setdefault", "write", "writelines", "fit", "partial_fit", "fit_transform", "fit_predict", "appendleft",
    "extendleft", "popleft", "rotate",
    "difference_update", "intersection_update", "symmetric_difference_update", "load_state_dict", "put", "put_nowait",
    "itemset", "fill", "resize", "setflags", "load_weights", "compile", "add_node", "add_edge", "add_nodes_from",
    "add_edges_from", "remove_node", "remove_edge", "subtract", "move_to_end", "seek", "truncate", "setLevel",
    "addHandler",
})  # fmt: skip

#: Functions that change an argument: dotted name (or its last two parts) -> position of the argument (certain).
MUTATING_FUNCTIONS = {
    "random.shuffle": 0, "heapq.heappush": 0, "heapq.heappop": 0, "heapq.heapify": 0, "heapq.heapreplace": 0,
    "heapq.heappushpop": 0, "heappush": 0, "heappop": 0, "heapify": 0, "heapreplace": 0, "np.copyto": 0, "np.put": 0,
    "np.place": 0, "np.putmask": 0, "np.fill_diagonal": 0, "np.random.shuffle": 0, "numpy.copyto": 0, "numpy.put": 0,
    "numpy.place": 0, "numpy.putmask": 0, "numpy.fill_diagonal": 0, "numpy.random.shuffle": 0, "bisect.insort": 0,
    "insort": 0, "bisect.insort_left": 0, "bisect.insort_right": 0, "setattr": 0, "delattr": 0, "operator.setitem": 0,
    "operator.delitem": 0, "list.append": 0, "list.extend": 0, "list.sort": 0, "list.insert": 0, "list.remove": 0,
    "list.reverse": 0, "list.pop": 0, "list.clear": 0, "dict.update": 0, "dict.setdefault": 0, "dict.pop": 0,
    "set.add": 0,
    "set.update": 0, "set.discard": 0, "shuffle": 0, "object.__setattr__": 0, "pickle.dump": 1, "json.dump": 1,
    "next": 0,
}  # fmt: skip

#: Names that nearly always stand for a module: their functions are no changing methods.
MODULE_ALIASES = frozenset({
    "np", "pd", "numpy", "pandas", "plt", "os", "sys", "re", "json", "math", "random", "tf", "torch", "sns", "scipy",
    "stats",
    "nx", "pl", "da", "dd", "xr", "jnp", "jax", "cv2", "shutil", "time", "pickle", "joblib", "ast", "operator",
    "ndimage",
    "itertools", "functools", "logging", "subprocess", "heapq", "bisect", "optimize", "linalg", "nn", "F", "T",
    "alt", "px", "go",
})  # fmt: skip

#: Calls that never come back.
ENDING_CALLS = frozenset({"sys.exit", "exit", "quit", "os._exit", "os.abort"})

#: Calls (and whole prefixes) that set global state of a library.
SETUP_CALLS = frozenset({
    "pd.set_option", "pandas.set_option", "pd.reset_option", "np.random.seed", "numpy.random.seed", "random.seed",
    "np.set_printoptions", "np.seterr", "plt.style.use", "plt.rc", "plt.rcdefaults", "plt.ion", "plt.ioff", "sns.set",
    "sns.set_theme", "sns.set_style", "sns.set_context", "sns.set_palette", "warnings.filterwarnings",
    "warnings.simplefilter", "logging.basicConfig", "matplotlib.use", "mpl.use", "mpl.rc", "torch.manual_seed",
    "tf.random.set_seed", "load_dotenv", "nest_asyncio.apply", "os.chdir", "sys.path.append", "sys.path.insert",
    "sys.path.extend", "locale.setlocale", "pl.Config", "pio.renderers.default", "alt.renderers.enable",
    "torch.set_default_dtype",
    "torch.set_default_device", "sys.setrecursionlimit", "os.environ.update", "os.environ.setdefault", "os.putenv",
    "alt.data_transformers.enable", "alt.data_transformers.disable_max_rows", "hv.extension", "pn.extension",
    "tqdm.pandas", "jax.config.update", "bokeh.io.output_notebook", "output_notebook", "seed_everything",
    "mlflow.set_tracking_uri", "mlflow.set_experiment", "mlflow.autolog", "decimal.getcontext", "getcontext",
})  # fmt: skip

#: Setup that only changes how things look: it runs before assets, but is no part of their fingerprint.
COSMETIC_PREFIXES = (
    "plt.", "sns.", "mpl.", "matplotlib.", "warnings.", "logging.", "alt.renderers", "pio.", "hv.", "pn.",
    "np.set_print",
    "output_notebook", "bokeh.", "tqdm.",
)  # fmt: skip

#: Functions that open the outside world: last name -> hint kind. The first constant string argument is the path.
READERS = {
    "open": "file", "read_csv": "file", "read_parquet": "file", "read_json": "file", "read_excel": "file",
    "read_table": "file", "read_feather": "file", "read_pickle": "file", "read_hdf": "file", "read_orc": "file",
    "read_html": "url", "read_sql": "database", "read_sql_query": "database", "read_sql_table": "database",
    "Path": "file",
    "scan_parquet": "file", "scan_csv": "file", "loadtxt": "file", "genfromtxt": "file", "urlopen": "url",
    "urlretrieve": "url",
    "getenv": "environment", "read_stata": "file", "read_text": "file", "imread": "file", "joblib.load": "file",
}  # fmt: skip
CLOCK_CALLS = frozenset({
    "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "datetime.datetime.now", "datetime.date.today",
    "datetime.datetime.utcnow", "datetime.datetime.today", "time.time", "time.time_ns", "time.monotonic",
    "time.perf_counter", "pd.Timestamp.now", "pd.Timestamp.utcnow", "pd.Timestamp.today", "dt.datetime.now",
    "dt.date.today", "Timestamp.now", "time.strftime", "time.localtime", "time.gmtime",
})  # fmt: skip
RANDOM_PREFIXES = ("random.", "np.random.", "numpy.random.", "uuid.uuid", "secrets.", "torch.rand", "os.urandom")
UNRANDOM = frozenset({"seed", "default_rng", "RandomState", "Random", "Generator", "SeedSequence", "uuid5", "uuid3"})
URL_CALLS = frozenset({"requests.get", "requests.post", "requests.request", "httpx.get", "urllib.request.urlopen"})

#: Methods and functions whose constant string argument is an expression over Python names.
AT_NAMES = frozenset({"query", "eval"})  # @name
PLAIN_NAMES = frozenset({"pd.eval", "pandas.eval", "numexpr.evaluate", "ne.evaluate"})
FORMULA_CALLS = frozenset({
    "ols", "logit", "probit", "glm", "gls", "wls", "rlm", "poisson", "mixedlm", "dmatrix", "dmatrices", "quantreg",
    "gee",
    "mnlogit", "negativebinomial", "phreg",
})  # fmt: skip
SQL_METHODS = frozenset(
    {"sql", "query", "execute", "executemany", "sqldf", "read_sql", "read_sql_query", "from_query", "query_df"}
)

#: Cell magics whose body is Python and runs in the notebook's namespace.
PYTHON_CELL_MAGICS = frozenset({
    "time", "capture", "prun", "memit", "mprun", "px", "debug", "snakeviz", "pyinstrument", "scalene", "heat",
    "memray_flamegraph", "asset", "op", "check", "sensor", "skip_if", "tb", "exec_time", "mypy", "flake8", "black",
    "blackify",
    "ipytest", "run_pytest", "wandb", "lprun", "matplotlib", "conda_run", "cache", "with_spark", "skip",
})  # fmt: skip
#: … of which these leave no names behind.
SANDBOX_CELL_MAGICS = frozenset({"timeit", "ipytest", "run_pytest"})
#: … of which these only show something: no effect, no names.
SHOWING_CELL_MAGICS = frozenset({
    "html", "HTML", "javascript", "js", "latex", "markdown", "svg", "SVG", "mermaid", "css", "dot", "graphviz", "xml",
    "json",
    "yaml", "tikz", "help", "d3", "vega", "vegalite", "plantuml",
})  # fmt: skip
SQL_CELL_MAGICS = frozenset({"sql", "bigquery", "bq", "duckdb", "sparql", "pgsql", "mysql", "tsql"})

#: Line magics whose argument is a Python statement that runs in the notebook's namespace.
STATEMENT_MAGICS = frozenset(
    {
        "time",
        "prun",
        "mprun",
        "memit",
        "lprun",
        "snakeviz",
        "pyinstrument",
        "debug",
        "px",
        "scalene",
        "memray_flamegraph",
    }
)
#: … and does not leave its names behind.
EXPRESSION_MAGICS = frozenset({"timeit", "memit", "lprun", "mprun", "prun"})
ENVIRONMENT_MAGICS = frozenset({
    "matplotlib", "load_ext", "reload_ext", "unload_ext", "autoreload", "pip", "conda", "mamba", "micromamba", "uv",
    "config",
    "aimport", "gui", "pdb", "xmode", "colors", "precision", "pprint", "automagic", "autosave", "logstart", "logstop",
    "logon", "logoff", "config_inline", "doctest_mode", "pylab_inline", "autocall", "watermark", "flow",
})  # fmt: skip
EFFECT_MAGICS = frozenset(
    {
        "env",
        "set_env",
        "cd",
        "pushd",
        "popd",
        "mkdir",
        "rmdir",
        "cp",
        "mv",
        "rm",
        "system",
        "sx",
        "sc",
        "bash",
        "sh",
        "!",
        "killbgscripts",
        "reset",
        "notebook",
        "save",
        "writefile",
        "rerun",
        "recall",
        "macro",
        "edit",
    }
)
DYNAMIC_MAGICS = frozenset({"run", "load", "loadpy", "reset", "xdel", "reset_selective", "macro", "rerun", "recall"})
HARMLESS_MAGICS = frozenset({
    "who", "whos", "who_ls", "ls", "ll", "lsmagic", "magic", "pwd", "dirs", "history", "hist", "pinfo2", "pdef",
    "pdoc", "pfile",
    "psource", "psearch", "page", "alias", "alias_magic", "bookmark", "cat", "less", "more", "man", "quickref", "tb",
    "config",
    "timer", "conda_list", "time_it", "colors", "dhist", "unalias", "rehashx", "profile", "clear", "connect_info",
    "qtconsole",
    "cellmill", "assets", "asset", "materialize", "lineage", "stale", "why", "diff", "runs", "schedule",
    "job",
    "backfill", "resources", "audit", "nbrun", "logstate", "pinfo", "ipytest", "tensorboard", "code_wrap", "subshell",
})  # fmt: skip
