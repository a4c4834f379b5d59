"""Runs the tests of this folder, a line each, and writes the sum to a file."""

import sys
import time
import unittest

import boto3


class Lines(unittest.TestResult):
    """One line per test; what went wrong below it."""

    passed = 0

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()

    def _say(self, word, test, text=""):
        name = test.id() if hasattr(test, "id") else str(test)
        print(f"{word:4} {name} ({time.monotonic() - getattr(self, 'started', time.monotonic()):.1f}s)", flush=True)
        for line in text.splitlines():
            print("       " + line, flush=True)

    def addSuccess(self, test):
        self.passed += 1
        self._say("ok", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._say("FAIL", test, self._exc_info_to_string(err, test))

    def addError(self, test, err):
        super().addError(test, err)
        self._say("FAIL", test, self._exc_info_to_string(err, test))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print(f"SKIPPED {test.id()}: {reason}", flush=True)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._say("FAIL", subtest, self._exc_info_to_string(err, test))


def main():
    sum_file, *names = sys.argv[1:]
    loader = unittest.TestLoader()
    suite = loader.loadTestsFromNames(names) if names else loader.discover(".")
    print("boto3", boto3.__version__)
    result = Lines()
    suite.run(result)
    failed = len(result.failures) + len(result.errors)
    with open(sum_file, "w") as f:
        f.write(f"{result.passed} {failed} {len(result.skipped)}\n")


if __name__ == "__main__":
    main()
