"""The flag of programs that train: whether XLA compiles the step."""

from absl import flags

flags.disclaim_key_flags()  # the program that calls a function below has the flag

_JIT_WORDS = {"true": "on", "1": "on", "false": "off", "0": "off"}


class _JitParser(flags.ArgumentParser):
    syntactic_help = "<on|off|auto>"

    def parse(self, argument):
        """ "on", "off" or "auto"."""
        word = _JIT_WORDS.get(str(argument).lower(), argument)
        if word not in JIT:
            raise ValueError("it is on, off or auto")
        return word


class _JitFlag(flags.Flag):
    def _serialize(self, value):
        return {"on": f"--{self.name}", "off": f"--no{self.name}"}.get(value, f"--{self.name}=auto")


def jit_flag(about):
    """The flag --jit=on|off|auto, --nojit."""
    return _JitFlag(_JitParser(), None, "jit", "on", about, boolean=True)


def define_jit(about):
    """--jit=on|off|auto, --nojit."""
    return flags.DEFINE_flag(jit_flag(about))


JIT = {"on": True, "off": False, "auto": None}
