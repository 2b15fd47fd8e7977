"""What each of the driver's errors means: may it pass, whose fault is it, and what is there to do.

A class that stands here by itself is known; one that a later driver adds counts as what it derives from.
"""

from typing import Final, NamedTuple

from aiokafka import errors

from socialsim.errors import InputError, SocialsimError, TerminalError, TransientError


class Meaning(NamedTuple):
    """Our class for an error, and what follows its sentence."""

    kind: type[SocialsimError]
    remedy: str = ""


_PASSES: Final = Meaning(TransientError)
_DENIED: Final = Meaning(TerminalError, "check SOCIALSIM_KAFKA_USERNAME, its password and its rights")
_SIZE: Final = Meaning(TerminalError, "raise the topic's max.message.bytes, or the broker's message.max.bytes")
_TOPIC: Final = Meaning(
    InputError, "the broker does not allow what the topics are asked to be: see topics create --help"
)
_OLD: Final = Meaning(TerminalError, "the broker is too old, or speaks another protocol: Kafka from 2.1 on is needed")
_GROUP: Final = Meaning(InputError, "choose another --group")
_BUG: Final = Meaning(TerminalError, "this is a bug: SOCIALSIM_DEBUG=1 shows the traceback to report")
_POLICY: Final = Meaning(TerminalError, "a policy of the cluster forbids it: ask whoever runs it")

MEANINGS: Final[dict[type[BaseException], Meaning]] = {
    # Who we are, and what we may.
    errors.AuthenticationFailedError: _DENIED,
    errors.AuthenticationMethodNotSupported: _DENIED,
    errors.SaslAuthenticationFailed: _DENIED,
    errors.IllegalSaslStateError: _DENIED,
    errors.UnsupportedSaslMechanismError: Meaning(TerminalError, "SOCIALSIM_KAFKA_SASL_MECHANISM chooses another"),
    errors.SecurityDisabled: Meaning(TerminalError, "the broker has no authorizer: SOCIALSIM_KAFKA_SECURITY_PROTOCOL"),
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
    # What was asked for.
    errors.InvalidSessionTimeoutError: Meaning(InputError, "the broker does not allow this --session-timeout-s"),
    errors.InvalidGroupIdError: _GROUP,
    errors.InconsistentGroupProtocolError: Meaning(
        InputError, "the group's members are of another program: choose another --group"
    ),
    errors.NonEmptyGroup: _GROUP,
    errors.GroupIdNotFound: _GROUP,
    errors.InvalidTopicError: Meaning(InputError, "choose another prefix in the URL: kafka://HOST:PORT/PREFIX"),
    errors.InvalidPartitionsError: _TOPIC,
    errors.InvalidReplicationFactorError: _TOPIC,
    errors.InvalidReplicationAssignmentError: _TOPIC,
    errors.InvalidConfigurationError: _TOPIC,
    errors.TopicAlreadyExistsError: Meaning(InputError, "it is there already: socialsim topics describe shows it"),
    # What the broker's settings do not allow.
    errors.MessageSizeTooLargeError: _SIZE,
    errors.RecordListTooLargeError: _SIZE,
    errors.RecordTooLargeError: _SIZE,
    errors.OffsetMetadataTooLargeError: _SIZE,
    errors.InvalidCommitOffsetSizeError: _SIZE,
    errors.InvalidTimestampError: Meaning(
        TerminalError, "simulated times lie in the past: raise the topic's message.timestamp.before.max.ms"
    ),
    errors.InvalidRequiredAcksError: _POLICY,
    errors.PolicyViolationError: _POLICY,
    errors.InvalidTransactionTimeout: _POLICY,
    errors.UnsupportedVersionError: _OLD,
    errors.UnsupportedForMessageFormatError: _OLD,
    errors.IncompatibleBrokerVersion: _OLD,
    errors.UnrecognizedBrokerVersion: _OLD,
    errors.UnsupportedCodecError: Meaning(TerminalError, "a package for the log's compression is missing: install it"),
    # What we should never have asked.
    errors.IllegalArgumentError: _BUG,
    errors.IllegalStateError: _BUG,
    errors.KafkaConfigurationError: _BUG,
    errors.InvalidRequestError: _BUG,
    errors.NoError: _BUG,
    # What passes on a new connection, with new metadata, or when the broker is back.
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
    errors.OffsetOutOfRangeError: _PASSES,  # the reader says it better, see OffsetsLostError
    errors.CorruptRecordException: _PASSES,  # likewise, see LogCorruptError; of a producer's batch it is the network
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
    """What ``error`` means; whatever is not the driver's own, such as a broken connection, may pass."""
    return next((MEANINGS[kind] for kind in type(error).__mro__ if kind in MEANINGS), _PASSES)


def is_denied(error: BaseException) -> bool:
    """Whether the broker does not let us in, or not do it, so that asking again is of no use."""
    return meaning_of(error) in (_DENIED, MEANINGS[errors.UnsupportedSaslMechanismError])
