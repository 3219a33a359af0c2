"""The queue of Amazon SQS that the Notifications API writes messages into, read by long polls.

What belongs here: the calls of SQS, the only ones that need AWS credentials. What does not: what a message says
(messages.py), when the queue is read and messages are deleted (flows/notices/inbox.py).

A message that is fetched is hidden for a while and comes again unless it is deleted, so that nothing is lost where
nobody could keep it. boto3 is an extra, and is imported when a queue is opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from ....core.errors import CredentialError, ForgedMessage, PermanentError, SettingsError, TransientError
from ....core.legible import one_word
from ...capabilities import Inbox, Letter, Notice
from ..settings import Notifications, Queue, Settings
from .messages import read_message

if TYPE_CHECKING:
    from collections.abc import Callable

    Open = Callable[[Notifications, Queue], Any]

MOST = 10  # messages of one call, the most that SQS gives
HIDDEN_SECONDS = 60  # until a message that was fetched and not deleted comes again
LONGEST_POLL_SECONDS = 20
ANSWER_SECONDS = 10  # that an answer may take beyond the long poll
EXTRA = "commerce-pipelines[amazon-sqs]"
# Codes of AWS by which the keys or the user's rights are wrong.
REFUSED = frozenset((
    "AccessDenied", "AccessDeniedException", "AWS.SimpleQueueService.AccessDenied", "InvalidAccessKeyId",
    "InvalidClientTokenId", "KMS.AccessDeniedException", "KmsAccessDenied", "SignatureDoesNotMatch",
    "UnrecognizedClientException",
))  # fmt: skip
GONE = frozenset(("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "InvalidAddress"))


class AmazonInbox(Inbox):
    """Messages of one account. Calls raise TransientError, CredentialError, PermanentError; SettingsError without the
    extra. A single thread uses it."""

    def __init__(self, settings: Settings, open_client: Open | None = None) -> None:
        self._name, self._settings = settings.name, settings
        self._queue = settings.notifications.queue
        self._open = open_client or open_boto
        self._opened: Any = None

    def fetch(self, seconds: float) -> list[Letter]:
        answer = self._call(
            "receive_message",
            MaxNumberOfMessages=MOST,
            WaitTimeSeconds=min(LONGEST_POLL_SECONDS, max(0, round(seconds))),
            VisibilityTimeout=HIDDEN_SECONDS,
        )
        return [
            Letter(receipt=message["ReceiptHandle"], body=message["Body"].encode(), notice=self._read(message["Body"]))
            for message in answer.get("Messages", ())
        ]

    def drop(self, letters: Sequence[Letter]) -> None:
        for start in range(0, len(letters), MOST):
            entries = [
                {"Id": str(number), "ReceiptHandle": letter.receipt}
                for number, letter in enumerate(letters[start : start + MOST])
            ]
            self._call("delete_message_batch", Entries=entries)  # one that is not deleted comes again, and is known

    def probe(self) -> None:
        """Look into the queue without hiding a message from anybody."""
        self._call("receive_message", MaxNumberOfMessages=1, WaitTimeSeconds=0, VisibilityTimeout=0)

    def _read(self, body: str) -> Notice | None:
        try:
            return read_message(body.encode(), self._settings.seller_id, self._settings.marketplace_ids)
        except ForgedMessage:
            return None

    def _call(self, operation: str, **parameters: Any) -> Any:
        self._opened = self._opened or self._open(self._settings.notifications, self._queue)
        try:
            return getattr(self._opened, operation)(QueueUrl=self._queue.url, **parameters)
        except Exception as error:  # of botocore, which is imported only where the extra is there
            self._raise_ours(operation, error)

    def _raise_ours(self, operation: str, error: Exception) -> NoReturn:
        """The error in our words, without those of AWS, which name accounts and users."""
        from botocore.exceptions import BotoCoreError, ClientError

        where = f"channels[{self._name}].notifications"
        if isinstance(error, ClientError):
            code, status = one_word(str(error.response.get("Error", {}).get("Code", ""))), _read_status(error)
            what = f"{self._name}: the queue {self._queue.name} answered {operation} with {code or status}"
            if code in REFUSED or status in (401, 403):
                raise CredentialError(
                    f"{what}: give the AWS user of {where} the rights sqs:ReceiveMessage and sqs:DeleteMessage on this "
                    "queue, or correct its keys."
                ) from None
            if code in GONE or status == 404:
                raise PermanentError(f"{what}: there is no such queue; correct {where}.queue_url.") from None
            if status < 500 and status != 429:
                raise PermanentError(f"{what}: AWS refuses the call; correct {where}.") from None
            raise TransientError(f"{what}: it will be tried again later.") from None
        if isinstance(error, BotoCoreError):
            raise TransientError(
                f"{self._name}: the queue {self._queue.name} cannot be reached ({type(error).__name__}); it will be "
                "tried again later."
            ) from None
        raise error


def _read_status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) or 0)


def open_boto(settings: Notifications, queue: Queue) -> Any:
    """A client of SQS with the settings' keys, whatever other credentials this machine has. Raises SettingsError where
    the extra is missing."""
    try:
        import boto3
        from botocore.config import Config
    except ModuleNotFoundError:
        raise SettingsError(
            f"Amazon's messages need the extra amazon-sqs: `pip install '{EXTRA}'`, then restart."
        ) from None
    keys = (settings.access_key_id, settings.secret_access_key)  # Settings demands them
    access_key_id, secret_access_key = (key.value() if key else "" for key in keys)
    return boto3.session.Session().client(
        "sqs",
        region_name=queue.region,
        endpoint_url=queue.origin,
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret_access_key,
        config=Config(
            connect_timeout=ANSWER_SECONDS,
            read_timeout=LONGEST_POLL_SECONDS + ANSWER_SECONDS,
            retries={"total_max_attempts": 2, "mode": "standard"},
        ),
    )
