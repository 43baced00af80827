# What Request Tracker needs to know of Keydesk: a queue, a custom field, a service user, a group of approvers, rights.
# Once, on the machine of Request Tracker:
#   rt-setup-database-5 --action insert --datafile keydesk.pl
# It prints the token for KEYDESK_RT_TOKEN_FILE; Request Tracker itself keeps a hash of it only.
use strict;
use warnings;

our @Queues = (
    {   Name        => 'Keydesk',
        Description => 'Cancellations of software; Keydesk opens and closes these tickets',
    },
);

our @Groups = (
    {   Name        => 'Keydesk approvers',
        Description => 'May decide the approvals of Keydesk; Keydesk itself checks once more who may',
    },
);

our @Users = (
    {   Name       => 'keydesk',
        RealName   => 'Keydesk',
        Privileged => 1,
        Comments   => 'Service user; signs in with a token only',
    },
);

# Under this value Keydesk finds again what it opened when an answer was lost on the way.
our @CustomFields = (
    {   Name        => 'Keydesk case',
        Description => 'The cancellation, and the number of the approval',
        Type        => 'FreeformSingle',
        LookupType  => 'RT::Queue-RT::Ticket',
        ApplyTo     => [ 'Keydesk', '___Approvals' ],
    },
);

my @rights = map {
    my $queue = $_;
    map +{ Queue => $queue, Right => $_ }, qw(
        SeeQueue ShowTicket ShowTicketComments CreateTicket ModifyTicket ReplyToTicket CommentOnTicket)
} qw(Keydesk ___Approvals);

our @ACL = (
    ( map +{ %$_, UserId => 'keydesk' }, @rights ),
    ( map +{ %$_, GroupDomain => 'UserDefined', GroupId => 'Keydesk approvers' }, grep { $_->{Right} ne 'CreateTicket' } @rights ),
    ( map +{ UserId => 'keydesk', CF => 'Keydesk case', Right => $_ }, qw(SeeCustomField ModifyCustomField) ),
    {   GroupDomain => 'UserDefined',
        GroupId     => 'Keydesk approvers',
        CF          => 'Keydesk case',
        Right       => 'SeeCustomField',
    },
);

our @Final = (
    sub {
        my $user = RT::User->new( RT->SystemUser );
        $user->Load('keydesk');
        my ( $id, $said, $token ) = RT::AuthToken->new( RT->SystemUser )
            ->Create( Owner => $user->Id, Description => 'Keydesk' );
        die $said unless $id;
        print "KEYDESK_RT_TOKEN=$token\n";
    },
);

1;
