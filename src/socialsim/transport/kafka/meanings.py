"""Classifies the driver's errors: our error class for each, and the remedy.

A class that a later version of the driver adds is classified like its base class.
"""

from typing import Final, NamedTuple

from aiokafka import errors

from socialsim.errors import InputError, SocialsimError, TerminalError, TransientError


class Meaning(NamedTuple):
    """Our class for an error, and the remedy that its message ends with."""

    kind: type[SocialsimError]
    remedy: str = ""


_PASSES: Final = Meaning(TransientError)
_DENIED: Final = Meaning(TerminalError, "check SOCIALSIM_KAFKA_USERNAME, its password and its permissions")
_SIZE: Final = Meaning(TerminalError, "raise the topic's max.message.bytes, or the broker's message.max.bytes")
_TOPIC: Final = Meaning(
    InputError, "the broker does not allow the requested topics: see socialsim topics create --help"
)
_OLD: Final = Meaning(TerminalError, "the broker is too old or speaks another protocol: Kafka 2.1 or later is needed")
_GROUP: Final = Meaning(InputError, "choose another --group")
_BUG: Final = Meaning(TerminalError, "this is a bug: SOCIALSIM_DEBUG=1 shows the traceback to report")
_POLICY: Final = Meaning(TerminalError, "a policy of the cluster forbids it: ask its administrator")

MEANINGS: Final[dict[type[BaseException], Meaning]] = {
    # Authentication and authorization.
    errors.AuthenticationFailedError: _DENIED,
    errors.AuthenticationMethodNotSupported: _DENIED,
    errors.SaslAuthenticationFailed: _DENIED,
    errors.IllegalSaslStateError: _DENIED,
    errors.UnsupportedSaslMechanismError: Meaning(TerminalError, "set SOCIALSIM_KAFKA_SASL_MECHANISM to another"),
    errors.SecurityDisabled: Meaning(
        TerminalError, "the broker has no authorizer: check SOCIALSIM_KAFKA_SECURITY_PROTOCOL"
    ),
    errors.TopicAuthorizationFailedError: _DENIED,
    errors.GroupAuthorizationFailedError: _DENIED,
    errors.ClusterAuthorizationFailedError: _DENIED,
    errors.TransactionalIdAuthorizationFailed: _DENIED,
    errors.DelegationTokenAuthDisabled: _DENIED,
    errors.DelegationTokenNotFound: _DENIED,
    errors.DelegationTokenOwnerMismatch: _DENIED,
    errors.DelegationTokenRequestNotAllowed: _DENIED,
    errors.DelegationTokenAuthorizationFailed: _DENIED,
    errors.DelegationTokenExpired: _DENIED,
    errors.InvalidPrincipalType: _DENIED,
    # Values that the user chose.
    errors.InvalidSessionTimeoutError: Meaning(InputError, "the broker does not allow this --session-timeout-s"),
    errors.InvalidGroupIdError: _GROUP,
    errors.InconsistentGroupProtocolError: Meaning(
        InputError, "the group's members belong to another program: choose another --group"
    ),
    errors.NonEmptyGroup: _GROUP,
    errors.GroupIdNotFound: _GROUP,
    errors.InvalidTopicError: Meaning(InputError, "choose another prefix in the URL: kafka://HOST:PORT/PREFIX"),
    errors.InvalidPartitionsError: _TOPIC,
    errors.InvalidReplicationFactorError: _TOPIC,
    errors.InvalidReplicationAssignmentError: _TOPIC,
    errors.InvalidConfigurationError: _TOPIC,
    errors.TopicAlreadyExistsError: Meaning(InputError, "it exists already: socialsim topics describe shows it"),
    # Limits of the broker's settings.
    errors.MessageSizeTooLargeError: _SIZE,
    errors.RecordListTooLargeError: _SIZE,
    errors.RecordTooLargeError: _SIZE,
    errors.OffsetMetadataTooLargeError: _SIZE,
    errors.InvalidCommitOffsetSizeError: _SIZE,
    errors.InvalidTimestampError: Meaning(
        TerminalError, "simulated times are in the past: raise the topic's message.timestamp.before.max.ms"
    ),
    errors.InvalidRequiredAcksError: _POLICY,
    errors.PolicyViolationError: _POLICY,
    errors.InvalidTransactionTimeout: _POLICY,
    errors.UnsupportedVersionError: _OLD,
    errors.UnsupportedForMessageFormatError: _OLD,
    errors.IncompatibleBrokerVersion: _OLD,
    errors.UnrecognizedBrokerVersion: _OLD,
    errors.UnsupportedCodecError: Meaning(TerminalError, "a package for the log's compression is missing: install it"),
    # Bugs of ours.
    errors.IllegalArgumentError: _BUG,
    errors.IllegalStateError: _BUG,
    errors.KafkaConfigurationError: _BUG,
    errors.InvalidRequestError: _BUG,
    errors.NoError: _BUG,
    # Transient: a new connection, new metadata or a restarted broker may resolve them.
    errors.KafkaError: _PASSES,
    errors.BrokerResponseError: _PASSES,
    errors.UnknownError: _PASSES,
    errors.Cancelled: _PASSES,
    errors.CommitFailedError: _PASSES,
    errors.KafkaProtocolError: _PASSES,
    errors.CorrelationIdError: _PASSES,
    errors.KafkaConnectionError: _PASSES,
    errors.KafkaTimeoutError: _PASSES,
    errors.KafkaUnavailableError: _PASSES,
    errors.MetadataEmptyBrokerList: _PASSES,
    errors.NoBrokersAvailable: _PASSES,
    errors.NodeNotReadyError: _PASSES,
    errors.NoOffsetForPartitionError: _PASSES,
    errors.ProducerClosed: _PASSES,
    errors.ProducerFenced: _PASSES,
    errors.QuotaViolationError: _PASSES,
    errors.StaleMetadata: _PASSES,
    errors.TooManyInFlightRequests: _PASSES,
    errors.OffsetOutOfRangeError: _PASSES,  # the reader raises OffsetsLostError instead
    errors.CorruptRecordException: _PASSES,  # the reader raises LogCorruptError instead
    errors.UnknownTopicOrPartitionError: _PASSES,
    errors.InvalidFetchRequestError: _PASSES,
    errors.LeaderNotAvailableError: _PASSES,
    errors.NotLeaderForPartitionError: _PASSES,
    errors.RequestTimedOutError: _PASSES,
    errors.BrokerNotAvailableError: _PASSES,
    errors.ReplicaNotAvailableError: _PASSES,
    errors.StaleControllerEpochError: _PASSES,
    errors.StaleLeaderEpochCodeError: _PASSES,
    errors.GroupLoadInProgressError: _PASSES,
    errors.GroupCoordinatorNotAvailableError: _PASSES,
    errors.NotCoordinatorForGroupError: _PASSES,
    errors.NotEnoughReplicasError: _PASSES,
    errors.NotEnoughReplicasAfterAppendError: _PASSES,
    errors.IllegalGenerationError: _PASSES,
    errors.UnknownMemberIdError: _PASSES,
    errors.RebalanceInProgressError: _PASSES,
    errors.MemberIdRequired: _PASSES,
    errors.NotControllerError: _PASSES,
    errors.OutOfOrderSequenceNumber: _PASSES,
    errors.DuplicateSequenceNumber: _PASSES,
    errors.InvalidProducerEpoch: _PASSES,
    errors.InvalidProducerIdMapping: _PASSES,
    errors.UnknownProducerId: _PASSES,
    errors.InvalidTxnState: _PASSES,
    errors.ConcurrentTransactions: _PASSES,
    errors.TransactionCoordinatorFenced: _PASSES,
    errors.OperationNotAttempted: _PASSES,
    errors.KafkaStorageError: _PASSES,
    errors.LogDirNotFound: _PASSES,
    errors.ReassignmentInProgress: _PASSES,
    errors.FetchSessionIdNotFound: _PASSES,
    errors.InvalidFetchSessionEpoch: _PASSES,
    errors.ListenerNotFound: _PASSES,
}


def meaning_of(error: BaseException) -> Meaning:
    """The meaning of ``error``. Errors of other origin, such as lost connections, may pass."""
    return next((MEANINGS[kind] for kind in type(error).__mro__ if kind in MEANINGS), _PASSES)


def is_denied(error: BaseException) -> bool:
    """Whether the broker denied access, so that a retry is of no use."""
    return meaning_of(error) in (_DENIED, MEANINGS[errors.UnsupportedSaslMechanismError])
